//! HTTP/1.1 over one kept connection: as little work as can be, because it runs on the machine that it measures.
//! Understands answers with a length, which is all that the servers here send.

use std::io::Write;
use std::net::SocketAddr;
use std::ops::Range;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Fallible;

pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

pub struct Answer {
    pub status: u16,
    body: Range<usize>,
}

impl Connection {
    pub async fn open(address: SocketAddr) -> Fallible<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::new() })
    }

    pub async fn send(&mut self, request: &[u8]) -> Fallible<Answer> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        loop {
            if let Some(head) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                let text = std::str::from_utf8(&self.buffer[..head])?;
                let status = text.split(' ').nth(1).ok_or("no status")?.parse()?;
                let length = |line: &str| {
                    let (name, value) = line.split_once(':')?;
                    name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
                };
                let length = text.lines().find_map(length).unwrap_or(0);
                let body = head + 4..head + 4 + length;
                while self.buffer.len() < body.end {
                    self.read().await?;
                }
                return Ok(Answer { status, body });
            }
            self.read().await?;
        }
    }

    async fn read(&mut self) -> Fallible<()> {
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            return Err("the connection ended inside an answer".into());
        }
        Ok(())
    }

    /// The body of the last answer.
    pub fn body(&self, answer: &Answer) -> &[u8] {
        &self.buffer[answer.body.clone()]
    }

    /// Sends, and refuses an answer that is no success.
    pub async fn json(&mut self, request: &[u8]) -> Fallible<Value> {
        let answer = self.send(request).await?;
        let body = self.body(&answer);
        if answer.status / 100 != 2 {
            let line = String::from_utf8_lossy(request.split(|byte| *byte == b'\r').next().unwrap_or_default()).into_owned();
            return Err(format!("{line} was answered with {}: {}", answer.status, String::from_utf8_lossy(body)).into());
        }
        Ok(serde_json::from_slice(body)?)
    }
}

pub fn get(path: &str, key: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: annals\r\nAuthorization: Bearer {key}\r\n\r\n").into_bytes()
}

pub fn post(path: &str, key: &str, body: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    write_post(&mut out, path, key, "application/json", None, body.to_string().as_bytes());
    out
}

/// `idempotency_key` is a number that no other request has.
pub fn write_post(out: &mut Vec<u8>, path: &str, key: &str, content_type: &str, idempotency_key: Option<u64>, body: &[u8]) {
    // Writing to memory cannot fail.
    let _ = write!(
        out,
        "POST {path} HTTP/1.1\r\nHost: annals\r\nAuthorization: Bearer {key}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n",
        body.len()
    );
    if let Some(number) = idempotency_key {
        let _ = write!(out, "Idempotency-Key: {}\r\n", fresh_key(number));
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body);
}

/// As long and as random as the UUIDs that clients send.
pub fn fresh_key(number: u64) -> String {
    let random = u128::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
    format!("{random:032x}-{}", std::process::id())
}
