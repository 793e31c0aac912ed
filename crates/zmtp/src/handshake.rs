//! Between the greetings and the first message: both ends say what they are there for, and prove
//! who they are where that is wanted.

use crate::{
    channel::Channel,
    command::CommandError,
    connection::Security,
    curve::{CurveClient, CurveError, CurveServer, PublicKey, Random},
    greeting::Mechanism,
    metadata::{self, MetadataError},
    null::Null,
    role::Role,
};

/// A handshake of one of the mechanisms.
#[derive(Debug)]
pub(crate) enum Handshake {
    Null(Null),
    CurveClient(CurveClient),
    CurveServer(CurveServer),
}

/// What follows from a command.
#[derive(Debug)]
pub(crate) enum Step {
    /// The body of a command to send; the peer answers.
    Reply(Vec<u8>),
    /// Somebody has to say whether this key may connect.
    Authorise(PublicKey),
    /// All is said, perhaps but for one last command.
    Done { last: Option<Vec<u8>>, peer: Role, key: Option<PublicKey>, channel: Channel },
}

/// The handshake failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The peer says why it does not want to talk to us.
    #[error("the peer refuses: \"{0}\"")]
    Refused(String),
    /// The peer's role does not fit.
    #[error("a {theirs} where {ours} is, which it does not talk to")]
    WrongRole {
        /// Ours.
        ours: Role,
        /// The peer's; escaped if it is not known.
        theirs: String,
    },
    /// The key may not connect.
    #[error("the key is not trusted")]
    KeyRefused(PublicKey),
    /// Something else was to come.
    #[error("\"{0}\" in the wrong place of the handshake")]
    Unexpected(String),
    /// A message came before the handshake was done.
    #[error("a message before the handshake is done")]
    EarlyMessage,
    /// See [`CommandError`].
    #[error(transparent)]
    Command(#[from] CommandError),
    /// See [`MetadataError`].
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// See [`CurveError`].
    #[error(transparent)]
    Curve(#[from] CurveError),
}

impl Handshake {
    pub(crate) fn new(role: Role, security: &Security, random: &mut Random<'_>) -> Self {
        match security {
            Security::NullClient => Self::Null(Null::client(role)),
            Security::NullServer => Self::Null(Null::server(role)),
            Security::CurveClient { own, server } => {
                Self::CurveClient(CurveClient::new(role, own.clone(), *server, random))
            }
            Security::CurveServer(own) => {
                Self::CurveServer(CurveServer::new(role, own.clone(), random))
            }
        }
    }

    pub(crate) fn mechanism(&self) -> Mechanism {
        match self {
            Self::Null(_) => Mechanism::Null,
            Self::CurveClient(_) | Self::CurveServer(_) => Mechanism::Curve,
        }
    }

    /// The first command, from whoever begins.
    pub(crate) fn begin(&mut self) -> Result<Option<Vec<u8>>, HandshakeError> {
        match self {
            Self::Null(null) => Ok(null.begin()),
            Self::CurveClient(client) => Ok(Some(client.hello()?)),
            Self::CurveServer(_) => Ok(None),
        }
    }

    /// Takes the body of a command.
    pub(crate) fn receive(&mut self, body: &[u8]) -> Result<Step, HandshakeError> {
        match self {
            Self::Null(null) => null.receive(body),
            Self::CurveClient(client) => client.receive(body),
            Self::CurveServer(server) => server.receive(body),
        }
    }

    /// The answer to [`Step::Authorise`].
    pub(crate) fn admit(&mut self, is_trusted: bool) -> Result<Step, HandshakeError> {
        match self {
            Self::CurveServer(server) => server.admit(is_trusted),
            Self::Null(_) | Self::CurveClient(_) => unexpected(b"admit"),
        }
    }
}

impl HandshakeError {
    /// What the peer is told. Only where trying again is useless: after an ERROR, peers that are
    /// libzmq never connect again.
    pub(crate) fn reply(&self) -> Option<String> {
        match self {
            Self::WrongRole { .. } => Some(self.to_string()),
            // As libzmq says it when its own authentication refuses a key.
            Self::KeyRefused(_) => Some("400".to_owned()),
            _ => None,
        }
    }

    /// What the peer's ERROR says.
    pub(crate) fn refused(reason: &[u8]) -> Self {
        Self::Refused(reason.escape_ascii().to_string())
    }
}

/// Something else was to come.
pub(crate) fn unexpected<T>(name: &[u8]) -> Result<T, HandshakeError> {
    const MAX_SHOWN_BYTES: usize = 32;
    let shown = &name[..name.len().min(MAX_SHOWN_BYTES)];
    Err(HandshakeError::Unexpected(shown.escape_ascii().to_string()))
}

/// The peer's role, if the two talk to each other.
pub(crate) fn fitting_role(ours: Role, metadata: &[u8]) -> Result<Role, HandshakeError> {
    const MAX_SHOWN_BYTES: usize = 16;
    let name = metadata::read_role(metadata)?;
    match Role::parse(name) {
        Some(theirs) if ours.talks_to(theirs) => Ok(theirs),
        _ => {
            let shown = &name[..name.len().min(MAX_SHOWN_BYTES)];
            let theirs = shown.escape_ascii().to_string();
            Err(HandshakeError::WrongRole { ours, theirs })
        }
    }
}
