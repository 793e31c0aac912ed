//! One mail's conversation with the server, from the first byte to the last, within bounds.
//!
//! The library's own transport bounds the time to connect and nothing else, so its connection runs
//! over a stream of ours.

use std::{io, time::Duration};

use lettre::{
    Message,
    transport::smtp::{
        Error,
        authentication::{Credentials, DEFAULT_MECHANISMS},
        client::{AsyncSmtpConnection, Tls},
        extension::ClientId,
        response::Response,
    },
};
use tokio::{net::TcpStream, time::timeout};

use super::{bounded::BoundedStream, encrypted};

/// What time a server may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// To be connected to, and over each of its answers.
    pub(super) answer: Duration,
    /// Over a whole mail.
    pub(super) mail: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { answer: Duration::from_mins(1), mail: Duration::from_mins(5) }
    }
}

/// Once the server has the mail, it may take so long over a good bye.
const FAREWELL: Duration = Duration::from_secs(2);

/// A server that mails are handed to.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: Tls,
    pub(super) credentials: Option<Credentials>,
    pub(super) bounds: Bounds,
}

/// The server did not take the mail.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConversationError {
    /// Nobody answers there.
    #[error("could not connect")]
    Connect(#[source] io::Error),
    /// It says so, or says what makes no sense, or too much, or too slowly.
    #[error(transparent)]
    Smtp(#[from] Error),
    /// It answers, and never comes to an end.
    #[error("the server took longer than {} s over the mail", .0.as_secs_f32())]
    Slow(Duration),
}

impl ConversationError {
    /// Whether it would refuse the same mail again.
    pub(super) fn is_permanent(&self) -> bool {
        matches!(self, Self::Smtp(error) if error.is_permanent())
    }
}

impl Server {
    /// Hands over a mail; what the server says to it.
    pub(super) async fn send(&self, message: &Message) -> Result<Response, ConversationError> {
        let patience = self.bounds.mail;
        let sent = timeout(patience, self.hand_over(message)).await;
        let (mut connection, response) = sent.map_err(|_| ConversationError::Slow(patience))??;
        // The mail is the server's: whatever becomes of the connection is no failure.
        drop(timeout(FAREWELL, connection.quit()).await);
        Ok(response)
    }

    async fn hand_over(
        &self,
        message: &Message,
    ) -> Result<(AsyncSmtpConnection, Response), ConversationError> {
        let mut connection = self.connect().await?;
        let response = connection.send(message.envelope(), &message.formatted()).await?;
        Ok((connection, response))
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, ConversationError> {
        let connecting = TcpStream::connect((self.host.as_str(), self.port));
        let connected = timeout(self.bounds.answer, connecting).await;
        let stream = connected
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .map_err(ConversationError::Connect)?;
        let stream = Box::new(BoundedStream::new(stream, self.bounds.answer));
        let name = ClientId::default();
        let mut connection = match &self.tls {
            Tls::Wrapper(parameters) => {
                let stream = encrypted::connect(stream, parameters.clone()).await?;
                AsyncSmtpConnection::connect_with_transport(stream, &name).await?
            }
            _ => AsyncSmtpConnection::connect_with_transport(stream, &name).await?,
        };
        if let Tls::Required(parameters) = &self.tls {
            connection.starttls(parameters.clone(), &name).await?;
        }
        if let Some(credentials) = &self.credentials {
            connection.auth(DEFAULT_MECHANISMS, credentials).await?;
        }
        Ok(connection)
    }
}
