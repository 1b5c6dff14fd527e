//! A server that plays a script: one reply for each connection, in order, and a record of what it was sent.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use annals_client::{Client, ClientBuilder, RetryPolicy};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub const KEY: &str = "sk_test_0123456789";

/// What becomes of one connection, after its request was read.
#[derive(Debug, Clone)]
pub enum Reply {
    /// These bytes, and the end.
    Raw(String),
    /// The end at once.
    Close,
    /// Nothing, for a long time.
    Hang,
    /// A success that does not end.
    Endless,
}

#[derive(Debug, Clone)]
pub struct Received {
    /// Method and target.
    pub request: String,
    pub headers: HashMap<String, String>,
    pub body: String,
}

pub struct Script {
    pub url: String,
    received: Arc<Mutex<Vec<Received>>>,
}

pub fn answer(status: u16, headers: &str, body: &str) -> Reply {
    let length = body.len();
    Reply::Raw(format!(
        "HTTP/1.1 {status} Said\r\nConnection: close\r\nContent-Length: {length}\r\nContent-Type: application/json\r\n{headers}\r\n{body}"
    ))
}

pub fn ok(body: &str) -> Reply {
    answer(200, "", body)
}

pub fn status(status: u16) -> Reply {
    answer(status, "", &format!(r#"{{"message":"status {status}"}}"#))
}

impl Script {
    pub async fn play(replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let received = Arc::new(Mutex::new(Vec::new()));
        let (record, replies) = (Arc::clone(&received), replies.into_iter().collect::<Vec<_>>());
        tokio::spawn(async move {
            // When the script has ended, connections are refused.
            for reply in replies {
                let (mut connection, _) = listener.accept().await.expect("a connection");
                let request = read(&mut connection).await;
                record.lock().expect("no panic").push(request);
                tokio::spawn(perform(connection, reply));
            }
        });
        Self { url, received }
    }

    pub fn builder(&self) -> ClientBuilder {
        let quick = RetryPolicy {
            retries: 3,
            first_wait: Duration::from_millis(5),
            longest_wait: Duration::from_millis(20),
            longest_retry_after: Duration::from_secs(2),
        };
        Client::builder().api_key(KEY).base_url(&self.url).timeout(Duration::from_secs(5)).retry_policy(quick)
    }

    pub fn client(&self) -> Client {
        self.builder().build().expect("a client")
    }

    pub fn received(&self) -> Vec<Received> {
        self.received.lock().expect("no panic").clone()
    }

    /// Method and target of each request.
    pub fn requests(&self) -> Vec<String> {
        self.received().into_iter().map(|received| received.request).collect()
    }

    /// One header of each request.
    pub fn headers(&self, name: &str) -> Vec<Option<String>> {
        self.received().into_iter().map(|received| received.headers.get(name).cloned()).collect()
    }
}

async fn read(connection: &mut TcpStream) -> Received {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        assert!(connection.read_buf(&mut bytes).await.expect("a request") > 0, "the request ended early");
    };
    let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
    let mut lines = head.lines();
    let request = lines.next().and_then(|line| line.strip_suffix(" HTTP/1.1")).expect("a request line").to_owned();
    let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
    let headers: HashMap<String, String> = lines.filter_map(header).collect();
    let length: usize = headers.get("content-length").map_or(0, |length| length.parse().expect("a length"));
    while bytes.len() < head_end + 4 + length {
        assert!(connection.read_buf(&mut bytes).await.expect("a body") > 0, "the body ended early");
    }
    Received { request, headers, body: String::from_utf8_lossy(&bytes[head_end + 4..]).into_owned() }
}

async fn perform(mut connection: TcpStream, reply: Reply) {
    match reply {
        // The client may have gone already.
        Reply::Raw(bytes) => drop(connection.write_all(bytes.as_bytes()).await),
        Reply::Close => {}
        Reply::Hang => tokio::time::sleep(Duration::from_secs(60)).await,
        Reply::Endless => {
            let _ = connection.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n").await;
            while connection.write_all(&[b' '; 1 << 20]).await.is_ok() {}
        }
    }
}
