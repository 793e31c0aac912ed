//! What an answer means for the run.

use std::{error::Error as _, io, time::Duration};

use http_body_util::BodyExt as _;
use hyper::{
    Response, StatusCode,
    body::{Bytes, Incoming},
    header::{CONTENT_LENGTH, DATE, HeaderMap, HeaderName, RETRY_AFTER, TRANSFER_ENCODING},
};
use jiff::fmt::rfc2822;
use tokio::time::{Instant, timeout_at};

use super::{Ended, Outcome, describe};
use crate::action::Output;

/// How much of an answer's body is read. Who has more to say has not answered.
const MAX_BODY: usize = 1 << 20;
/// A piece counts for at least so much: there is more to one on the wire than its bytes.
const LEAST_PIECE: usize = 64;
/// How much of that is kept: its beginning and its end.
pub(super) const MAX_OUTPUT: usize = 64 << 10;
/// How long a body is waited for that changes nothing any more.
const EXPLANATION: Duration = Duration::from_secs(10);
/// Nobody is waited for longer than this, whatever he asks for.
const LONGEST_PAUSE: Duration = Duration::from_hours(24);

/// The verdict on an answer, and its body.
///
/// 2xx is a success once the whole answer is there: who breaks off in the middle of it may have done so
/// in the middle of the work. 408, 429 and 5xx may be different the next time; everything else, a
/// redirect too, would be the same.
pub(super) async fn judge(response: Response<Incoming>, deadline: Instant) -> Ended {
    let status = response.status();
    let pause = pause(response.headers());
    let explained = Instant::now() + EXPLANATION;
    let deadline = if status.is_success() { deadline } else { deadline.min(explained) };
    let mut output = Output::new(MAX_OUTPUT);
    let read = timeout_at(deadline, read(response, &mut output)).await;
    let outcome = match read.unwrap_or(Err(BadBody::Slow)) {
        Err(problem) if status.is_success() => {
            Outcome::Failed(format!("the answer is {status}, but {problem}"))
        }
        // It has said enough.
        Err(_) | Ok(()) => verdict(status, pause),
    };
    Ended { outcome, output: output.finish() }
}

/// The body is not the whole one.
#[derive(Debug, thiserror::Error)]
enum BadBody {
    #[error("its body had no end in time")]
    Slow,
    #[error("its body has more than {MAX_BODY} bytes")]
    Long,
    #[error("its body breaks off: {0}")]
    Broken(String),
}

async fn read(response: Response<Incoming>, output: &mut Output) -> Result<(), BadBody> {
    let ends_with_connection = [CONTENT_LENGTH, TRANSFER_ENCODING]
        .iter()
        .all(|framing| !response.headers().contains_key(framing));
    let mut body = response.into_body();
    let mut room = MAX_BODY;
    while let Some(frame) = body.frame().await {
        let frame = match frame {
            // Many servers close TLS without a word; where the end of the connection is that of the
            // body, nothing else tells it from one that breaks off, in the clear neither.
            Err(error) if ends_with_connection && is_end(&error) => return Ok(()),
            frame => frame.map_err(|error| BadBody::Broken(describe(&error)))?,
        };
        let piece = frame.data_ref().map(Bytes::as_ref).unwrap_or_default();
        output.add(piece.get(..room).unwrap_or(piece));
        room = room.checked_sub(piece.len().max(LEAST_PIECE)).ok_or(BadBody::Long)?;
    }
    Ok(())
}

fn is_end(error: &hyper::Error) -> bool {
    let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    source.is_some_and(|source| source.kind() == io::ErrorKind::UnexpectedEof)
}

fn verdict(status: StatusCode, pause: Option<Duration>) -> Outcome {
    let problem = format!("the answer is {status}");
    let may_change = status.is_server_error()
        || [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS].contains(&status);
    match pause {
        _ if status.is_success() => Outcome::Succeeded,
        _ if status.is_redirection() => {
            Outcome::Refused(format!("{problem}: redirects are not followed"))
        }
        Some(pause) if may_change => Outcome::Later { problem, pause },
        None if may_change => Outcome::Failed(problem),
        _ => Outcome::Refused(problem),
    }
}

/// How long to wait at least, where the server says it and it makes sense. A moment is measured by
/// the server's own clock.
fn pause(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: HeaderName| headers.get(name)?.to_str().ok();
    let wanted = text(RETRY_AFTER)?.trim();
    let pause = if let Ok(seconds) = wanted.parse() {
        Duration::from_secs(seconds)
    } else {
        let moment = |text: &str| Some(rfc2822::parse(text).ok()?.timestamp());
        let pause = moment(wanted)?.duration_since(moment(text(DATE)?)?);
        Duration::try_from(pause).ok()?
    };
    (pause <= LONGEST_PAUSE).then_some(pause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_decides() {
        let judge = |status| verdict(StatusCode::from_u16(status).unwrap(), None);
        for status in [200, 201, 202, 204] {
            assert_eq!(judge(status), Outcome::Succeeded);
        }
        for status in [408, 429, 500, 502, 503, 504, 599] {
            assert!(matches!(judge(status), Outcome::Failed(_)), "{status}");
        }
        for status in [300, 301, 302, 307, 308, 400, 401, 403, 404, 410, 422, 499] {
            assert!(matches!(judge(status), Outcome::Refused(_)), "{status}");
        }
        let pause = Duration::from_secs(7);
        let later = verdict(StatusCode::SERVICE_UNAVAILABLE, Some(pause));
        assert!(matches!(later, Outcome::Later { pause: found, .. } if found == pause));
        let refused = verdict(StatusCode::NOT_FOUND, Some(pause));
        assert!(matches!(refused, Outcome::Refused(_)));
    }

    #[test]
    fn a_server_may_ask_for_a_sane_pause() {
        let now = "Sun, 06 Nov 1994 08:49:37 GMT";
        for (text, seconds) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("86400", Some(86_400)),
            ("86401", None),
            ("99999999999999999999", None),
            ("-5", None),
            ("soon", None),
            ("", None),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
            ("Sun, 06 Nov 1994 08:48:37 GMT", None),
            ("Sun, 06 Nov 2094 08:50:37 GMT", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(DATE, now.parse().unwrap());
            headers.insert(RETRY_AFTER, text.parse().unwrap());
            assert_eq!(pause(&headers).map(|pause| pause.as_secs()), seconds, "{text:?}");
        }
        assert_eq!(pause(&HeaderMap::new()), None);
    }
}
