//! What an answer means for the run.

use std::time::Duration;

use jiff::fmt::rfc2822;
use reqwest::{
    Response, StatusCode,
    header::{DATE, HeaderMap, HeaderName, RETRY_AFTER},
};

use super::{Ended, Outcome};
use crate::action::Output;

/// How much of an answer is kept; no more is read.
const MAX_OUTPUT: usize = 64 << 10;
/// Nobody is waited for longer than this, whatever he asks for.
const LONGEST_PAUSE: Duration = Duration::from_hours(24);

/// The verdict on an answer, and its body.
///
/// 2xx is a success. 408, 429 and 5xx may be different the next time; everything else, a redirect
/// too, would be the same.
pub(super) async fn judge(response: Response) -> Ended {
    let status = response.status();
    let pause = pause(response.headers());
    let output = body(response).await;
    Ended { outcome: verdict(status, pause), output }
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

async fn body(mut response: Response) -> Vec<u8> {
    let mut output = Output::new(MAX_OUTPUT);
    let mut length = 0;
    // An answer that breaks off has said its status all the same.
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = MAX_OUTPUT - length;
        let kept = chunk.get(..room).unwrap_or(&chunk);
        output.add(kept);
        length += kept.len();
        if length >= MAX_OUTPUT {
            break;
        }
    }
    output.finish()
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
