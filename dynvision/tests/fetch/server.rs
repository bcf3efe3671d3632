//! A server on the loopback address that does what it is told, and remembers what it was asked.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// What is done with one request. After the last of a script, the server goes on with `Give`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// The content, or the part that is asked for.
    Give,
    /// The same, but the connection ends after so many bytes of it.
    Drop(usize),
    /// Another number of bytes in the header than come.
    State(usize),
    /// All of it, whatever part is asked for.
    IgnoreRange,
    /// All of it without a length, ended by the end of the connection.
    WithoutLength,
    /// A part that was not asked for.
    OtherPart,
    /// Other content of the same length.
    Other,
    /// A status without content.
    Status(u16),
    /// To another path of this server.
    Redirect(&'static str),
    /// Bytes without end and without a length.
    Endless,
    /// No answer.
    Silent,
    /// No HTTP.
    Garbage,
}

pub(crate) struct Server {
    address: String,
    requests: Arc<Mutex<Vec<Request>>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What a client asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) range: Option<String>,
}

impl Server {
    pub(crate) fn new(content: &[u8], script: &[Step]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (requests, over) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (log, end, content) = (requests.clone(), over.clone(), content.to_vec());
        let script = script.to_vec();
        let thread = std::thread::spawn(move || {
            let mut script = script.into_iter();
            // connections that are never answered stay open until the end
            let mut open = Vec::new();
            for stream in listener.incoming() {
                if end.load(Ordering::SeqCst) {
                    return;
                }
                let mut stream = stream.unwrap();
                let Some(request) = read(&stream) else { continue };
                log.lock().unwrap().push(request.clone());
                let step = script.next().unwrap_or(Step::Give);
                // the client may have gone
                let _ = answer(&mut stream, &step, &request, &content);
                if matches!(step, Step::Silent) {
                    open.push(stream);
                }
            }
        });
        Server { address, requests, over, thread: Some(thread) }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.address)
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// The parts that were asked for.
    pub(crate) fn ranges(&self) -> Vec<Option<String>> {
        self.requests().into_iter().map(|request| request.range).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address.trim_start_matches("http://"));
        let joined = self.thread.take().unwrap().join();
        assert!(joined.is_ok() || std::thread::panicking(), "the server panicked");
    }
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut lines = BufReader::new(stream).lines();
    let path = lines.next()?.ok()?.split(' ').nth(1)?.to_string();
    let mut range = None;
    for line in lines {
        let line = line.ok()?;
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("range")
        {
            range = Some(value.trim().to_string());
        }
    }
    Some(Request { path, range })
}

fn head(stream: &mut TcpStream, status: &str, headers: &[String]) -> std::io::Result<()> {
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    write!(stream, "HTTP/1.1 {status}\r\n{headers}Connection: close\r\n\r\n")
}

fn length(count: usize) -> String {
    format!("Content-Length: {count}")
}

fn answer(stream: &mut TcpStream, step: &Step, request: &Request, content: &[u8]) -> std::io::Result<()> {
    let first = request.range.as_ref().map(|range| {
        let first = range.strip_prefix("bytes=").and_then(|range| range.strip_suffix('-'));
        first.expect("a range from a place to the end").parse::<usize>().expect("a number")
    });
    let whole = content.len();
    match step {
        Step::Give | Step::Drop(_) | Step::State(_) => {
            let from = first.unwrap_or(0);
            if from >= whole && first.is_some() {
                return head(
                    stream,
                    "416 Range Not Satisfiable",
                    &[format!("Content-Range: bytes */{whole}"), length(0)],
                );
            }
            let part = &content[from..];
            let (sent, stated) = match step {
                Step::Drop(count) => ((*count).min(part.len()), part.len()),
                Step::State(count) => (part.len(), *count),
                _ => (part.len(), part.len()),
            };
            match first {
                None => head(stream, "200 OK", &[length(stated)])?,
                Some(_) => {
                    let range = format!("Content-Range: bytes {from}-{}/{whole}", whole - 1);
                    head(stream, "206 Partial Content", &[range, length(stated)])?;
                }
            }
            stream.write_all(&part[..sent])
        }
        Step::IgnoreRange => {
            head(stream, "200 OK", &[length(whole)])?;
            stream.write_all(content)
        }
        Step::WithoutLength => {
            head(stream, "200 OK", &[])?;
            stream.write_all(content)
        }
        Step::OtherPart => {
            let range = format!("Content-Range: bytes 1-{}/{whole}", whole - 1);
            head(stream, "206 Partial Content", &[range, length(whole - 1)])?;
            stream.write_all(&content[1..])
        }
        Step::Other => {
            let other: Vec<u8> = content.iter().map(|byte| !byte).collect();
            head(stream, "200 OK", &[length(whole)])?;
            stream.write_all(&other)
        }
        Step::Status(status) => head(stream, &format!("{status} So"), &[length(0)]),
        Step::Redirect(path) => head(stream, "302 Found", &[format!("Location: {path}"), length(0)]),
        Step::Endless => {
            head(stream, "200 OK", &[])?;
            // until the client goes
            loop {
                stream.write_all(&[0; 4096])?;
            }
        }
        Step::Silent => Ok(()),
        Step::Garbage => stream.write_all(b"\0\x01\x02 no HTTP\r\n\r\n"),
    }
}
