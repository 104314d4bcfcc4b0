//! Words for people: how a connection ended, why it was not opened and what to do about it. Numbers are written as reports of
//! load tests write them.

use std::{io, time::SystemTime};

pub(crate) use wigwag_load::report::words::{UNKNOWN, bytes, clock, count, counted, seconds, short, time};
use wigwag_net::{CloseCause, Closed, OpenError, OpenErrorKind};

/// How a connection ended, or why there is none.
pub(crate) fn closed(closed: &Closed) -> String {
    let code = || {
        let reason = closed.reason.as_ref();
        let code = reason.and_then(|reason| reason.code);
        let code = code.map_or_else(|| "1005 no status received".to_owned(), |code| code.to_string());
        match reason.map(|reason| reason.reason.as_str()).filter(|reason| !reason.is_empty()) {
            Some(reason) => format!("{code} ({reason})"),
            None => code,
        }
    };
    match &closed.cause {
        CloseCause::NotOpened(error) => not_opened(error),
        CloseCause::Peer => format!("closed by the server: {}", code()),
        CloseCause::Local => format!("closed: {}", code()),
        CloseCause::Protocol(error) => {
            format!("closed with {}: the server broke the protocol: {error}", error.close_code())
        }
        CloseCause::IdleTimeout => "lost: no sign of life from the server".to_owned(),
        CloseCause::WriteTimeout => "lost: the server takes nothing".to_owned(),
        CloseCause::Eof => "lost: the server ended it without a Close (1006)".to_owned(),
        CloseCause::Io(kind) => format!("lost: {kind} (1006)"),
        cause => format!("ended: {cause}"),
    }
}

fn not_opened(error: &OpenError) -> String {
    if let Some(refusal) = &error.refusal {
        let body = String::from_utf8_lossy(&refusal.body);
        let body = body.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
        let body: String = body.chars().take(BODY_CHARS_MAX).collect();
        let what = match refusal.status {
            401 => "; give an Authorization header under More",
            _ => "",
        };
        let colon = if body.is_empty() { "" } else { ": " };
        return format!("refused with {} {}{colon}{body}{what}", refusal.status, refusal.reason);
    }
    let hint = match error.kind {
        OpenErrorKind::Unreachable(io::ErrorKind::ConnectionRefused) => {
            "; is the server running? start it with: wigwag serve"
        }
        OpenErrorKind::Untrusted => "; the certificate is not one that this system trusts",
        OpenErrorKind::Unresolved => "; check the host's name",
        OpenErrorKind::Handshake if error.why.ends_with("is not HTTP") => {
            "; does it speak TLS? then the URL begins with wss://"
        }
        OpenErrorKind::Handshake if error.why.contains("corrupt message") => {
            "; if it speaks no TLS, the URL begins with ws://"
        }
        _ => "",
    };
    format!("{}{hint}", error.why)
}

/// Whether another attempt may go better: not where the server refuses what is asked for.
pub(crate) fn is_passing(error: &OpenError) -> bool {
    use OpenErrorKind::{Ended, Handshake, Timeout, Unreachable, Unresolved};
    match &error.refusal {
        Some(refusal) => matches!(refusal.status, 408 | 425 | 429 | 500..),
        None => matches!(error.kind, Unresolved | Unreachable(_) | Handshake | Timeout | Ended),
    }
}

/// The time of day in UTC, to the millisecond: `09:31:02.123`.
pub(crate) fn time_of_day(at: SystemTime) -> String {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let seconds = since.as_secs() % 86_400;
    format!("{:02}:{:02}:{:02}.{:03}", seconds / 3600, seconds / 60 % 60, seconds % 60, since.subsec_millis())
}

/// Of a refusal's body.
const BODY_CHARS_MAX: usize = 200;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_time_of_day_is_utc() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(86_400_000 + 34_262_123);
        assert_eq!(time_of_day(at), "09:31:02.123");
    }
}
