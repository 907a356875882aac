//! A proxy in front of a server: it hears each request whole, and then does what it likes.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::Duration;

/// What is done to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// The connection ends before the server has heard of it.
    Drop,
    /// The server does it, and nobody hears that.
    DropAnswer,
    Delay,
    /// The answer ends in its middle.
    Truncate,
    /// It is answered so without the server.
    Status(u16),
    /// The server does it, and the answer is another.
    StatusAfter(u16),
    /// The server hears it twice.
    Repeat,
    /// A bit of the answer's content is another.
    Flip,
}

/// A request as it came.
pub(crate) struct Request {
    bytes: Vec<u8>,
    head: String,
}

type Decide = dyn Fn(&Request, u64) -> Fault + Send + Sync;

pub(crate) struct Proxy {
    port: u16,
    faults: Arc<AtomicU64>,
}

impl Proxy {
    pub(crate) fn start(
        server: &str,
        decide: impl Fn(&Request, u64) -> Fault + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let faults = Arc::new(AtomicU64::new(0));
        let (server, decide) = (server.trim_start_matches("http://").to_owned(), Arc::new(decide));
        let (count, number) = (faults.clone(), Arc::new(AtomicU64::new(0)));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (server, decide) = (server.clone(), decide.clone());
                let (count, number) = (count.clone(), number.clone());
                std::thread::spawn(move || {
                    // A connection that breaks is what this is about.
                    let _ = serve(&client, &server, decide.as_ref(), &count, &number);
                    let _ = client.shutdown(Shutdown::Both);
                });
            }
        });
        Self { port, faults }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// How many faults there were.
    pub(crate) fn faults(&self) -> u64 {
        self.faults.load(Ordering::Relaxed)
    }
}

impl Request {
    pub(crate) fn method(&self) -> &str {
        self.head.split(' ').next().unwrap_or_default()
    }

    pub(crate) fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().skip(1);
        lines.find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    fn read(from: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut head = String::new();
        loop {
            let before = head.len();
            if from.read_line(&mut head)? == 0 {
                return Ok(None);
            }
            if &head[before..] == "\r\n" {
                break;
            }
        }
        let request = Self { bytes: Vec::new(), head };
        let length = request.header("content-length").and_then(|text| text.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        from.read_exact(&mut body)?;
        let bytes = [request.head.as_bytes(), &body].concat();
        Ok(Some(Self { bytes, ..request }))
    }
}

/// About a third of all requests meet something, by their number alone.
pub(crate) fn weather(_: &Request, number: u64) -> Fault {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    match mixed % 36 {
        0 => Fault::Drop,
        1 => Fault::DropAnswer,
        2 | 3 => Fault::Delay,
        4 => Fault::Truncate,
        5 => Fault::Status(500),
        6 => Fault::Status(503),
        7 => Fault::Status(409),
        8 => Fault::StatusAfter(500),
        9 => Fault::StatusAfter(409),
        10 | 11 => Fault::Repeat,
        _ => Fault::None,
    }
}

fn serve(
    client: &TcpStream,
    server: &str,
    decide: &Decide,
    count: &AtomicU64,
    number: &AtomicU64,
) -> io::Result<()> {
    let mut from = BufReader::new(client.try_clone()?);
    let mut to = client.try_clone()?;
    while let Some(request) = Request::read(&mut from)? {
        let fault = decide(&request, number.fetch_add(1, Ordering::Relaxed));
        if fault != Fault::None {
            count.fetch_add(1, Ordering::Relaxed);
        }
        match fault {
            Fault::Drop => return Ok(()),
            Fault::DropAnswer => return forward(&request, server).map(drop),
            Fault::Delay => sleep(Duration::from_millis(30)),
            Fault::Status(code) => {
                to.write_all(&answer(code))?;
                continue;
            }
            Fault::StatusAfter(code) => {
                forward(&request, server)?;
                to.write_all(&answer(code))?;
                continue;
            }
            Fault::Repeat => drop(forward(&request, server)?),
            Fault::None | Fault::Truncate | Fault::Flip => {}
        }
        let mut answer = forward(&request, server)?;
        match fault {
            Fault::Truncate => {
                to.write_all(&answer[..answer.len() / 2])?;
                return Ok(());
            }
            Fault::Flip => {
                if let Some(last) = answer.last_mut() {
                    *last ^= 1;
                }
            }
            _ => {}
        }
        to.write_all(&answer)?;
        // The server's answer says that its connection ends with it.
        return Ok(());
    }
    Ok(())
}

fn answer(code: u16) -> Vec<u8> {
    let body = "<Error><Code>Weather</Code><Message>as told</Message></Error>";
    let length = body.len();
    format!("HTTP/1.1 {code} Told\r\ncontent-type: application/xml\r\ncontent-length: {length}\r\n\r\n{body}")
        .into_bytes()
}

/// Asks the server on a connection of its own, and reads its answer to the end.
fn forward(request: &Request, server: &str) -> io::Result<Vec<u8>> {
    let mut connection = TcpStream::connect(server)?;
    let text = request.bytes.clone();
    let first_line = text.windows(2).position(|pair| pair == b"\r\n").unwrap_or(0) + 2;
    connection.write_all(&text[..first_line])?;
    connection.write_all(b"connection: close\r\n")?;
    connection.write_all(&text[first_line..])?;
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer)?;
    Ok(answer)
}
