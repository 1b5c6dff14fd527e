//! A closed loop of HTTP/1.1 requests over kept connections: as little work as can be, because it runs on the same machine.
//! Understands the answers of our own server and nothing else.

use std::collections::HashMap;
use std::error::Error;
use std::io::Write;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::bench::generate::{Generator, Plan};

type Fallible<T> = Result<T, Box<dyn Error>>;

pub struct Target<'a> {
    pub address: SocketAddr,
    pub key: &'a str,
    pub bodies: &'a [Vec<u8>],
    pub with_keys: bool,
    pub connections: u32,
}

/// One round.
pub struct Measured {
    elapsed: Duration,
    /// Sorted.
    latencies: Vec<Duration>,
}

impl Measured {
    pub fn per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64()
    }
    pub fn percentile(&self, percent: usize) -> Duration {
        self.latencies.get(self.latencies.len() * percent / 100).copied().unwrap_or_default()
    }
}

/// Makes the organizations and schemas that generated events need, and the bodies with their ids.
pub async fn bodies(address: SocketAddr, key: &str, count: u64, organizations: NonZeroU32) -> Fallible<Vec<Vec<u8>>> {
    let plan = Plan { events: count, organizations, ..Plan::default() };
    let generator = Generator::new(&plan);
    let mut connection = TcpStream::connect(address).await?;
    let mut ids: HashMap<String, String> = HashMap::new();
    let mut bodies = Vec::new();
    for schema in generator.schemas() {
        let path = format!("/audit_logs/actions/{}/schemas", schema["action"].as_str().unwrap_or_default());
        post(&mut connection, key, &path, &json!({"targets": schema["targets"]})).await?;
    }
    for event in generator.take(count as usize) {
        let name = &event.organization.external_id;
        if !ids.contains_key(name) {
            let created = post(&mut connection, key, "/organizations", &json!({"name": name, "external_id": name})).await?;
            ids.insert(name.clone(), created["id"].as_str().ok_or("no id")?.to_owned());
        }
        bodies.push(serde_json::to_vec(&json!({"organization_id": ids[name], "event": event.event}))?);
    }
    Ok(bodies)
}

async fn post(connection: &mut TcpStream, key: &str, path: &str, body: &Value) -> Fallible<Value> {
    let mut request = Vec::new();
    write_request(&mut request, path, key, None, body.to_string().as_bytes())?;
    connection.write_all(&request).await?;
    let mut buffer = Vec::new();
    let (status, body) = read_response(connection, &mut buffer).await?;
    if status / 100 != 2 {
        return Err(format!("POST {path} was answered with {status}: {}", String::from_utf8_lossy(&buffer[body])).into());
    }
    Ok(serde_json::from_slice(&buffer[body])?)
}

pub async fn run(target: &Target<'_>, length: Duration) -> Fallible<Measured> {
    // Keys are fresh over all rounds and both servers.
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let started = Instant::now();
    let place = Arc::new(AtomicU64::new(0));
    let connection = |_| async {
        let mut stream = TcpStream::connect(target.address).await?;
        stream.set_nodelay(true)?;
        let (mut request, mut buffer, mut latencies) = (Vec::new(), Vec::new(), Vec::new());
        while started.elapsed() < length {
            let body = &target.bodies[place.fetch_add(1, Ordering::Relaxed) as usize % target.bodies.len()];
            let key = target.with_keys.then(|| NEXT.fetch_add(1, Ordering::Relaxed));
            request.clear();
            write_request(&mut request, "/audit_logs/events", target.key, key, body)?;
            let sent = Instant::now();
            stream.write_all(&request).await?;
            let (status, _) = read_response(&mut stream, &mut buffer).await?;
            latencies.push(sent.elapsed());
            if status != 200 {
                return Err(format!("an event was answered with {status}: {}", String::from_utf8_lossy(&buffer)).into());
            }
        }
        Fallible::Ok(latencies)
    };
    let all = futures::future::try_join_all((0..target.connections).map(connection)).await?;
    let elapsed = started.elapsed();
    let mut latencies = all.concat();
    latencies.sort_unstable();
    Ok(Measured { elapsed, latencies })
}

fn write_request(out: &mut Vec<u8>, path: &str, key: &str, idempotency_key: Option<u64>, body: &[u8]) -> std::io::Result<()> {
    write!(out, "POST {path} HTTP/1.1\r\nHost: annals\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n")?;
    if let Some(number) = idempotency_key {
        // As long and as random as the UUIDs that clients send.
        let random = u128::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
        write!(out, "Idempotency-Key: {random:032x}-{}\r\n", std::process::id())?;
    }
    write!(out, "Content-Length: {}\r\n\r\n", body.len())?;
    out.extend_from_slice(body);
    Ok(())
}

/// Status, and where in the buffer the body is.
async fn read_response(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Fallible<(u16, std::ops::Range<usize>)> {
    buffer.clear();
    loop {
        if let Some(head) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let text = std::str::from_utf8(&buffer[..head])?;
            let status = text.split(' ').nth(1).ok_or("no status")?.parse()?;
            let length = |line: &str| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
            };
            let length = text.lines().find_map(length).unwrap_or(0);
            let body = head + 4..head + 4 + length;
            while buffer.len() < body.end {
                if stream.read_buf(buffer).await? == 0 {
                    return Err("the connection ended inside an answer".into());
                }
            }
            return Ok((status, body));
        }
        if stream.read_buf(buffer).await? == 0 {
            return Err("the connection ended before an answer".into());
        }
    }
}
