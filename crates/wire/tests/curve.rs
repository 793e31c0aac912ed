//! Encrypted endpoints: who gets in, who does not, and who is shown out.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use laniakea_event::{Digest, Seq, SignerId};
use laniakea_wire::{
    Endpoint, HandshakeFailure, Listen,
    curve::{Clients, CurveGate, CurveKey, CurvePair, Security},
    publish::{Publication, PublishServer},
    submit::{Next, Publisher, PublisherConfig, Receipt, Reply, SubmitError, SubmitServer},
    subscription::{Subscription, SubscriptionConfig, Update},
};

const PATIENCE: Duration = Duration::from_secs(20);
/// Long enough for a handshake to fail.
const SHORT: Duration = Duration::from_secs(2);

fn any() -> Endpoint {
    Endpoint("tcp://127.0.0.1:*".to_owned())
}

/// A relay's submit socket with one encrypted endpoint; it answers everything.
struct Server {
    clients: Clients,
    key: CurveKey,
    endpoint: String,
    submit: Arc<SubmitServer>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Server {
    fn start() -> Self {
        let clients = Clients::default();
        let pair = CurvePair::generate();
        let key = pair.public;
        let gate = Arc::new(CurveGate::new(pair, clients.clone()));
        let listen = Listen { curve: vec![any()], gate: Some(gate), ..Listen::default() };
        let submit = Arc::new(SubmitServer::bind(&listen, 1 << 20).unwrap());
        let Endpoint(endpoint) = submit.endpoints()[0].clone();
        let thread = std::thread::spawn({
            let submit = submit.clone();
            move || answer(&submit)
        });
        Self { clients, key, endpoint, submit, thread: Some(thread) }
    }

    fn trust(&self, keys: &[&CurvePair]) {
        let signer = |number: usize| SignerId::parse(&format!("module-{number}")).unwrap();
        let keys = keys.iter().enumerate();
        self.clients.set(keys.map(|(number, pair)| (pair.public, signer(number))).collect());
    }

    fn publisher(&self, server: CurveKey, own: &CurvePair, timeout: Duration) -> Publisher {
        let security = Security::Curve { server, own: own.clone() };
        self.publisher_with(security, timeout)
    }

    fn publisher_with(&self, security: Security, timeout: Duration) -> Publisher {
        let config =
            PublisherConfig { security, timeout, ..PublisherConfig::new(self.endpoint.clone()) };
        Publisher::connect(config).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.submit.closer().close();
        drop(self.thread.take().map(std::thread::JoinHandle::join));
    }
}

fn answer(submit: &SubmitServer) {
    let replies = submit.replies();
    while let Next::Batch(batch) = submit.next(None) {
        let reply = Reply::accepted(&Digest::of(b""), Seq(1));
        let reply_to = batch.into_iter().filter_map(|submission| submission.reply_to);
        replies.send(reply_to.map(|to| (to, reply.clone())));
    }
}

fn failure(outcome: Result<Receipt, SubmitError>) -> Option<HandshakeFailure> {
    match outcome {
        Err(SubmitError::Unreachable { handshake, .. }) => handshake,
        other => panic!("not unreachable: {other:?}"),
    }
}

#[tokio::test]
async fn a_known_key_gets_in_and_no_other_does() {
    let server = Server::start();
    let known = CurvePair::generate();
    let stranger = CurvePair::generate();
    server.trust(&[&known]);
    let welcome = server.publisher(server.key, &known, PATIENCE);
    assert_eq!(welcome.submit(b"{}".to_vec()).await.unwrap().seq, Seq(1));

    let unknown = server.publisher(server.key, &stranger, SHORT);
    let refused = failure(unknown.submit(b"{}".to_vec()).await);
    assert_eq!(refused, Some(HandshakeFailure::KeyRefused));
    // To somebody else's server it does not even speak.
    let elsewhere = server.publisher(stranger.public, &known, SHORT);
    assert!(failure(elsewhere.submit(b"{}".to_vec()).await).is_some());
    // Nor is there a way in without encryption.
    let plain = server.publisher_with(Security::Plain, SHORT);
    assert!(failure(plain.submit(b"{}".to_vec()).await).is_some());
    assert!(welcome.submit(b"{}".to_vec()).await.is_ok());
}

#[tokio::test]
async fn a_key_that_is_no_longer_known_loses_the_connection_that_is_up() {
    let server = Server::start();
    let (stays, goes) = (CurvePair::generate(), CurvePair::generate());
    server.trust(&[&stays, &goes]);
    let staying = server.publisher(server.key, &stays, PATIENCE);
    let going = server.publisher(server.key, &goes, SHORT);
    assert!(staying.submit(b"{}".to_vec()).await.is_ok());
    assert!(going.submit(b"{}".to_vec()).await.is_ok());
    server.trust(&[&stays]);
    assert_eq!(failure(going.submit(b"{}".to_vec()).await), Some(HandshakeFailure::KeyRefused));
    assert!(staying.submit(b"{}".to_vec()).await.is_ok());
    // It comes back by itself once it is known again.
    server.trust(&[&stays, &goes]);
    let deadline = Instant::now() + PATIENCE;
    while going.submit(b"{}".to_vec()).await.is_err() {
        assert!(Instant::now() < deadline, "it does not come back");
    }
}

#[tokio::test]
async fn a_subscriber_without_trust_hears_nothing_more() {
    let clients = Clients::default();
    let pair = CurvePair::generate();
    let server_key = pair.public;
    let gate = Arc::new(CurveGate::new(pair, clients.clone()));
    let listen =
        Listen { plain: vec![any()], curve: vec![any()], gate: Some(gate), ..Listen::default() };
    let server = PublishServer::bind(&listen).unwrap();
    let own = CurvePair::generate();
    let signer = SignerId::parse("mirk").unwrap();
    clients.set([(own.public, signer)].into());
    let [Endpoint(plain), Endpoint(encrypted)] = server.endpoints() else { panic!("two") };
    let open = |endpoint: &str, security| {
        let config =
            SubscriptionConfig { security, ..SubscriptionConfig::new(endpoint.to_owned(), None) };
        Subscription::open(config).unwrap()
    };
    let mut open_to_all = open(plain, Security::Plain);
    let security = Security::Curve { server: server_key, own: own.clone() };
    let mut trusted = open(encrypted, security);
    let event = br#"{"data":{},"format":"1.0","id":"_lk.a.b","signatures":{},"time":"2026-01-01T00:00:00Z"}"#;
    let publish = || {
        server.publish(vec![Publication { id: "_lk.a.b".into(), frame: event.to_vec().into() }]);
    };
    for subscription in [&mut open_to_all, &mut trusted] {
        until_event(subscription, publish).await;
    }
    clients.set([].into());
    let refused = async {
        loop {
            if let Update::HandshakeFailed(failure) = trusted.next().await.unwrap().unwrap() {
                return failure;
            }
        }
    };
    let failure = tokio::time::timeout(PATIENCE, refused).await.unwrap();
    assert_eq!(failure, HandshakeFailure::KeyRefused);
    // Known again, it hears again.
    clients.set([(own.public, SignerId::parse("mirk").unwrap())].into());
    until_event(&mut trusted, publish).await;
    // Whoever connects in the clear was not disturbed.
    until_event(&mut open_to_all, publish).await;
    let cut = server.connections().snapshot();
    assert_eq!(cut.iter().find(|(name, _)| *name == "cut_revoked"), Some(&("cut_revoked", 1)));
}

/// A subscription takes effect when it does, so it is published until something comes.
async fn until_event(subscription: &mut Subscription, publish: impl Fn()) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < deadline, "no event came");
        publish();
        let next = tokio::time::timeout(Duration::from_millis(100), subscription.next()).await;
        if let Ok(Some(Ok(Update::Event(_)))) = next {
            return;
        }
    }
}

#[test]
fn encrypted_endpoints_need_a_gate() {
    let listen = Listen { curve: vec![any()], ..Listen::default() };
    let error = SubmitServer::bind(&listen, 1 << 20).err().unwrap();
    assert_eq!(error.to_string(), "encrypted endpoints need a CURVE key and a list of clients");
}
