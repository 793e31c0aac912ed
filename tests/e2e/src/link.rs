//! A network that can be cut, or lies: a TCP relay between a client and a server.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// A way to an endpoint, open until something is done to it.
pub struct Link {
    endpoint: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    is_cut: bool,
    streams: Vec<TcpStream>,
    /// Counts up when the connections of now begin to swallow all that is sent.
    swallowed: u64,
    connections: u64,
    forged: Option<Vec<u8>>,
}

impl Link {
    /// A link to `tcp://HOST:PORT`.
    pub fn to(endpoint: &str) -> Self {
        let target = endpoint.strip_prefix("tcp://").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("tcp://{}", listener.local_addr().unwrap());
        let state = Arc::<Mutex<State>>::default();
        thread::spawn({
            let state = state.clone();
            move || {
                for client in listener.incoming().flatten() {
                    connect(client, &target, &state);
                }
            }
        });
        Self { endpoint, state }
    }

    /// Where the client connects.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Ends all connections, and lets no other through.
    pub fn cut(&self) {
        let mut state = self.state.lock().unwrap();
        state.is_cut = true;
        for stream in state.streams.drain(..) {
            drop(stream.shutdown(Shutdown::Both));
        }
    }

    /// Lets connections through again.
    pub fn mend(&self) {
        self.state.lock().unwrap().is_cut = false;
    }

    /// Keeps the connections of now, and lets nothing more through in either direction.
    pub fn swallow(&self) {
        self.state.lock().unwrap().swallowed += 1;
    }

    /// Puts these bytes in front of the next that a server sends.
    pub fn forge(&self, bytes: &[u8]) {
        self.state.lock().unwrap().forged = Some(bytes.to_vec());
    }

    /// Whether the forged bytes were sent.
    pub fn has_forged(&self) -> bool {
        self.state.lock().unwrap().forged.is_none()
    }

    /// Connections so far.
    pub fn connections(&self) -> u64 {
        self.state.lock().unwrap().connections
    }
}

fn connect(client: TcpStream, target: &str, shared: &Arc<Mutex<State>>) {
    let mut state = shared.lock().unwrap();
    if state.is_cut {
        return;
    }
    let Ok(server) = TcpStream::connect(target) else { return };
    state.connections += 1;
    for (from, to, is_answer) in [(&client, &server, false), (&server, &client, true)] {
        let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
        let (shared, swallowed) = (shared.clone(), state.swallowed);
        thread::spawn(move || {
            let passes = |state: &State| state.swallowed == swallowed;
            pass(from, &to, is_answer, &shared, passes);
            drop(to.shutdown(Shutdown::Both));
        });
    }
    state.streams.extend([client, server]);
}

fn pass(
    mut from: TcpStream,
    mut to: &TcpStream,
    is_answer: bool,
    shared: &Mutex<State>,
    passes: impl Fn(&State) -> bool,
) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(length) = from.read(&mut buffer)
        && length > 0
    {
        let forged = {
            let mut state = shared.lock().unwrap();
            if !passes(&state) {
                continue;
            }
            if is_answer { state.forged.take() } else { None }
        };
        let written = to.write_all(&forged.unwrap_or_default());
        if written.and_then(|()| to.write_all(&buffer[..length])).is_err() {
            return;
        }
    }
}
