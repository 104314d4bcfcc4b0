//! Where lines come from when nobody types at a prompt: a pipe, `--execute`, `--replay`. Each is read by a thread that the
//! mailbox holds up.

use std::{
    io::{self, BufRead, Read as _},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use super::{
    mailbox::{Input, Mailbox},
    record::Replay,
};

/// One line is one message.
pub(super) fn from_stdin(mailbox: Arc<Mailbox>) {
    thread::spawn(move || read_lines(&mut io::stdin().lock(), &mailbox));
}

/// What a record has as sent, at its pace, then these lines.
pub(super) fn from_arguments(replay: Option<Replay>, lines: Vec<String>, mailbox: Arc<Mailbox>) {
    thread::spawn(move || {
        if let Some(replay) = replay
            && !feed_replay(replay, &mailbox)
        {
            return;
        }
        let all = lines.into_iter().map(Input::Typed).chain([Input::End]);
        let _ = all.into_iter().all(|input| mailbox.feed(input));
    });
}

/// `false` once nobody listens any more.
fn feed_replay(replay: Replay, mailbox: &Mailbox) -> bool {
    let (start, mut first) = (Instant::now(), None);
    for sent in replay {
        let input = match sent {
            Ok((at, message)) => {
                // Paced by the time since the first message: what came before it was a person's thinking.
                let due = at.saturating_sub(*first.get_or_insert(at));
                thread::sleep(due.saturating_sub(start.elapsed()).min(PAUSE_MAX));
                Input::Replayed(message)
            }
            Err(error) => {
                mailbox.feed(Input::Broken(format!("{error:#}")));
                return false;
            }
        };
        if !mailbox.feed(input) {
            return false;
        }
    }
    true
}

fn read_lines(input: &mut impl BufRead, mailbox: &Mailbox) {
    loop {
        let mut line = Vec::new();
        let last = match input.take(LINE_BYTES_MAX + 1).read_until(b'\n', &mut line) {
            Ok(0) => Input::End,
            Ok(_) if line.len() as u64 > LINE_BYTES_MAX => {
                Input::Broken(format!("the input has a line of more than {} MiB", LINE_BYTES_MAX >> 20))
            }
            Ok(_) => {
                let end = if line.ends_with(b"\r\n") { 2 } else { usize::from(line.ends_with(b"\n")) };
                line.truncate(line.len() - end);
                if !mailbox.feed(Input::Line(line)) {
                    return;
                }
                continue;
            }
            Err(error) => Input::Broken(format!("cannot read the input: {error}")),
        };
        mailbox.feed(last);
        return;
    }
}

const LINE_BYTES_MAX: u64 = 64 << 20;
/// Of one pause in a record: a broken time must not stop a replay for good.
const PAUSE_MAX: Duration = Duration::from_secs(3_600);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connect::mailbox::Taken;

    #[track_caller]
    fn check(input: &[u8], expected: &[&[u8]]) {
        let mailbox = Mailbox::default();
        read_lines(&mut &*input, &mailbox);
        for line in expected {
            assert!(matches!(mailbox.take_now(true), Some(Taken::Input(Input::Line(read))) if read == *line));
        }
        assert!(matches!(mailbox.take_now(true), Some(Taken::Input(Input::End))));
    }

    #[test]
    fn one_line_is_one_message() {
        check(b"", &[]);
        check(b"a\nb\n", &[b"a", b"b"]);
        check(b"a\r\n\n\xff\r", &[b"a", b"", b"\xff\r"]);
    }
}
