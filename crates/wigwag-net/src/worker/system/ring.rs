//! Many writes in one system call: `send(2)` for several sockets, by way of io_uring.
//!
//! The ring is a list of arguments here and nothing else. Each send says that it must not wait, so the kernel does it while
//! it takes it from the list, and [`Ring::send_all`] returns when each has its result: nothing is ever under way in between.
//! Reads are not made this way: with 64 busy connections they gained nothing. The safe twin is
//! [`super::write`], which does all the work where there is no ring.

#![expect(unsafe_code, reason = "5 to 8 % less CPU per message with 64 busy connections; the kernel takes pointers")]

use std::{io, os::fd::AsRawFd as _};

use io_uring::{IoUring, opcode, types::Fd};
use rustix::net::SendFlags;

use super::{SENDS_MAX, Send};

/// A list of sends, to be handed over in one go.
pub(in crate::worker) struct Ring(IoUring);

impl Ring {
    /// To be made by the thread that will use it.
    ///
    /// # Errors
    ///
    /// Where the kernel has no such rings (Linux before 6.1), or they are forbidden: by `kernel.io_uring_disabled`, or by the
    /// filter of a container.
    pub(in crate::worker) fn new() -> io::Result<Self> {
        let mut builder = IoUring::builder();
        builder.setup_submit_all().setup_single_issuer().setup_defer_taskrun();
        builder.build(SENDS_MAX as u32).map(Self)
    }

    /// Sends each of `sends`, of which there are at most [`SENDS_MAX`], as far as its socket takes it, and appends the
    /// results to `results` in any order.
    ///
    /// # Errors
    ///
    /// The ring is of no use any more; drop it. What has no result was not sent.
    pub(in crate::worker) fn send_all(
        &mut self,
        sends: &[Send<'_>],
        results: &mut Vec<(u32, io::Result<usize>)>,
    ) -> io::Result<()> {
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        let mut list = self.0.submission();
        for Send { key, socket, bytes } in sends {
            let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            let send =
                opcode::Send::new(Fd(socket.as_raw_fd()), bytes.as_ptr(), length).flags(flags.bits().cast_signed());
            let entry = send.build().user_data(u64::from(*key));
            // SAFETY: socket and bytes are borrowed until this function returns. It returns when the kernel has a result for
            // each entry it took, so it uses neither any longer; entries that it did not take go with the ring, for whoever
            // gets an error drops it.
            unsafe { list.push(&entry) }.map_err(io::Error::other)?;
        }
        drop(list);
        let mut left = sends.len();
        let mut submitted = self.0.submit();
        loop {
            for entry in self.0.completion() {
                results.push((entry.user_data() as u32, result(entry.result())));
                left = left.saturating_sub(1);
            }
            match submitted {
                _ if left == 0 => return Ok(()),
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => submitted = self.0.submit_and_wait(left),
            }
        }
    }
}

/// A count, or the negative number of an error.
fn result(value: i32) -> io::Result<usize> {
    usize::try_from(value).map_err(|_| io::Error::from_raw_os_error(value.wrapping_neg()))
}

#[cfg(test)]
mod tests {
    //! The ring against its safe twin, over the same kinds of sockets: the results are the same, and so is what arrives.

    use std::{
        io::{self, Read as _},
        os::{fd::OwnedFd, unix::net::UnixStream},
    };

    use proptest::prelude::*;
    use socket2::SockRef;

    use super::{super::write, *};

    /// What a peer has done before it is written to.
    #[derive(Clone, Copy, Debug)]
    enum Peer {
        Reads,
        /// It has not read, and there is no more room.
        IsFull,
        /// It has closed.
        IsGone,
    }

    /// Two ends. They are local sockets, whose buffers are full at once and stay so, where TCP's depend on acknowledgements.
    struct Pair {
        ours: mio::net::TcpStream,
        theirs: Option<UnixStream>,
    }

    fn pair(peer: Peer) -> Pair {
        let (ours, theirs) = UnixStream::pair().expect("two sockets");
        ours.set_nonblocking(true).expect("non-blocking");
        SockRef::from(&ours).set_send_buffer_size(16 << 10).expect("a send buffer");
        let ours = mio::net::TcpStream::from_std(OwnedFd::from(ours).into());
        if matches!(peer, Peer::IsFull) {
            while write(&ours, &[7; 512]).is_ok() {}
        }
        Pair { ours, theirs: (!matches!(peer, Peer::IsGone)).then_some(theirs) }
    }

    type Outcome = Result<usize, io::ErrorKind>;

    fn outcome(result: io::Result<usize>) -> Outcome {
        result.map_err(|error| error.kind())
    }

    fn through_ring(ring: &mut Ring, pairs: &[Pair], messages: &[Vec<u8>]) -> Vec<Outcome> {
        let mut results = Vec::new();
        let sends: Vec<_> = (0..)
            .zip(pairs.iter().zip(messages))
            .map(|(key, (pair, bytes))| Send { key, socket: &pair.ours, bytes })
            .collect();
        ring.send_all(&sends, &mut results).expect("a ring that works");
        results.sort_by_key(|(key, _)| *key);
        assert!(results.iter().map(|(key, _)| *key).eq(0..pairs.len() as u32), "one result for each: {results:?}");
        results.into_iter().map(|(_, result)| outcome(result)).collect()
    }

    /// All that arrives after our end has closed.
    fn arrived(pair: Pair) -> Option<Vec<u8>> {
        let mut theirs = pair.theirs?;
        drop(pair.ours);
        let mut bytes = Vec::new();
        theirs.read_to_end(&mut bytes).expect("bytes and then the end");
        Some(bytes)
    }

    fn any_peer() -> impl Strategy<Value = Peer> {
        prop_oneof![4 => Just(Peer::Reads), 1 => Just(Peer::IsFull), 1 => Just(Peer::IsGone)]
    }

    fn any_message() -> impl Strategy<Value = Vec<u8>> {
        let length = prop_oneof![4 => 1..200_usize, 1 => 1..100_000_usize];
        (length, any::<u8>()).prop_map(|(length, seed)| (0..length).map(|at| seed.wrapping_add(at as u8)).collect())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

        #[test]
        fn many_sends_in_one_call_are_what_as_many_calls_are(
            plan in prop::collection::vec((any_peer(), any_message()), 1..=SENDS_MAX),
        ) {
            let Some(mut ring) = ring_or_say_why() else { return Ok(()) };
            let (peers, messages): (Vec<_>, Vec<_>) = plan.into_iter().unzip();
            let pairs = || -> Vec<Pair> { peers.iter().copied().map(pair).collect() };
            let (twins, pairs) = (pairs(), pairs());
            let expected: Vec<_> =
                twins.iter().zip(&messages).map(|(twin, bytes)| outcome(write(&twin.ours, bytes))).collect();
            prop_assert_eq!(through_ring(&mut ring, &pairs, &messages), expected);
            for (twin, pair) in twins.into_iter().zip(pairs) {
                prop_assert!(arrived(twin) == arrived(pair));
            }
        }
    }

    /// The suite must pass where rings are forbidden, too.
    fn ring_or_say_why() -> Option<Ring> {
        Ring::new().inspect_err(|error| eprintln!("skipped, no io_uring: {error}")).ok()
    }

    #[test]
    fn a_ring_is_used_again_and_again() {
        let Some(mut ring) = ring_or_say_why() else { return };
        let mut pairs: Vec<_> = (0..SENDS_MAX).map(|_| pair(Peer::Reads)).collect();
        for round in 0..1000 {
            let messages = vec![vec![round as u8]; 1 + round % SENDS_MAX];
            let outcomes = through_ring(&mut ring, &pairs[..messages.len()], &messages);
            assert!(outcomes.iter().all(|outcome| *outcome == Ok(1)), "{outcomes:?}");
            for pair in &mut pairs[..messages.len()] {
                let mut byte = [0];
                pair.theirs.as_mut().expect("it reads").read_exact(&mut byte).expect("it arrived");
                assert_eq!(byte, [round as u8]);
            }
        }
        assert!(pairs.into_iter().all(|pair| arrived(pair) == Some(Vec::new())), "nothing came twice");
    }
}
