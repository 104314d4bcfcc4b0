//! A crowd of clients in one process: each opens a connection to `/random`, sends one message and checks its own answer;
//! all stay open until standard input ends. `crowd 127.0.0.1:8765 10000`
//!
//! Absent: rates, latencies, reports. This proves a number and nothing else.

use std::{
    io::{self, Read as _},
    net::SocketAddr,
    process::ExitCode,
    sync::mpsc::{self, Receiver, Sender},
    time::Duration,
};

use wigwag_net::{CloseCode, Closed, Connect, Handle, Limits, Message, Net, Service, Socket};
use wigwag_proto::handshake::extensions::DeflatePolicy;

/// Connections that are not open yet, at most: fewer than a listener's backlog holds.
const OPENING_MAX: usize = 256;
/// No news for this long means that there will be none.
const PATIENCE: Duration = Duration::from_secs(20);

enum News {
    Opened,
    Answered { right: bool },
    Gone(String),
}

struct Member {
    message: String,
    answered: bool,
    news: Sender<News>,
}

impl Member {
    fn tell(&self, news: News) {
        // The receiver is gone only where the program is ending.
        let _ = self.news.send(news);
    }

    /// The message, a space, and a number from 1 to 100; once.
    fn is_right(&self, answer: &str) -> bool {
        let digits = answer.strip_prefix(&*self.message).and_then(|rest| rest.strip_prefix(' '));
        let number = digits.and_then(|digits| digits.parse::<u8>().ok());
        number.is_some_and(|number| (1..=100).contains(&number)) && !self.answered
    }
}

impl Service for Member {
    fn on_open(&mut self, socket: &mut Socket<'_>) {
        socket.send(Message::Text(&self.message));
        self.tell(News::Opened);
    }

    fn on_message(&mut self, _: &mut Socket<'_>, message: Message<'_>) {
        let right = matches!(message, Message::Text(answer) if self.is_right(answer));
        self.answered = true;
        self.tell(News::Answered { right });
    }

    fn on_drain(&mut self, socket: &mut Socket<'_>) {
        socket.close(CloseCode::NORMAL, "");
    }

    fn on_close(&mut self, closed: &Closed) {
        self.tell(News::Gone(closed.cause.to_string()));
    }
}

#[derive(Default)]
struct Tally {
    open: usize,
    answered: usize,
    wrong: usize,
    gone: usize,
}

impl Tally {
    fn count(&mut self, news: News) {
        match news {
            News::Opened => self.open += 1,
            News::Answered { right } => {
                self.answered += 1;
                self.wrong += usize::from(!right);
            }
            News::Gone(why) => {
                self.gone += 1;
                eprintln!("a connection is gone: {why}");
            }
        }
    }
}

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(server), Some(size)) = (args.next(), args.next()) else { return Err("usage: crowd ADDR:PORT N".into()) };
    let (server, size): (SocketAddr, usize) = (server.parse()?, size.parse()?);
    rlimit::increase_nofile_limit(u64::MAX)?;
    let net = Net::client(1, Limits::default())?;
    let (sender, news) = mpsc::channel();
    let tally = gather(&net.handle(), server, size, &sender, &news);
    println!("{} open, {} answered, {} wrong", tally.open, tally.answered, tally.wrong);
    io::stdin().read_to_end(&mut Vec::new())?;
    let gone = tally.gone + news.try_iter().filter(|news| matches!(news, News::Gone(_))).count();
    let report = net.drain(PATIENCE);
    println!("{gone} lost, {} closed, {} cut off", report.closed, report.cut);
    let whole = tally.open == size && tally.answered == size && tally.wrong + gone + report.cut == 0;
    Ok(if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Opens `size` connections and waits until each was answered, or nothing happens any more.
fn gather(net: &Handle, server: SocketAddr, size: usize, sender: &Sender<News>, news: &Receiver<News>) -> Tally {
    let mut tally = Tally::default();
    let mut begun = 0;
    while tally.answered + tally.gone < size {
        while begun < size && begun - tally.open.min(begun) < OPENING_MAX {
            begun += 1;
            let connect = Connect {
                deflate: DeflatePolicy { enabled: false, ..DeflatePolicy::default() },
                ..Connect::new(server.ip().to_string(), server.port(), "/random")
            };
            let member = Member { message: format!("member {begun}"), answered: false, news: sender.clone() };
            net.connect(connect, member);
        }
        match news.recv_timeout(PATIENCE) {
            Ok(news) => tally.count(news),
            Err(error) => {
                eprintln!("no news: {error}");
                break;
            }
        }
    }
    tally
}
