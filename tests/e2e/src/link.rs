//! A network that can be cut: a TCP relay between a client and a server.

use std::{
    io,
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// A way to an endpoint, open until it is cut.
pub struct Link {
    endpoint: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    is_cut: bool,
    streams: Vec<TcpStream>,
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
}

fn connect(client: TcpStream, target: &str, state: &Mutex<State>) {
    let mut state = state.lock().unwrap();
    if state.is_cut {
        return;
    }
    let Ok(server) = TcpStream::connect(target) else { return };
    for (from, to) in [(&client, &server), (&server, &client)] {
        let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
        thread::spawn(move || {
            drop(io::copy(&mut from, &mut to));
            drop(to.shutdown(Shutdown::Both));
        });
    }
    state.streams.extend([client, server]);
}
