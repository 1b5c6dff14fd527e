//! PostgreSQL on a temporary folder, with what an audit table is: nothing special.

pub mod table;

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tokio_postgres::{Client, Config, NoTls};

use crate::Fallible;
use crate::process::{output, signal};

const START_LIMIT: Duration = Duration::from_secs(30);
const CONNECTIONS_MAX: &str = "600";

/// The settings that are not the defaults, for the server and for the report.
pub fn settings() -> Vec<(&'static str, String)> {
    vec![
        ("synchronous_commit", "on".to_owned()),
        ("shared_buffers", format!("{}MB", shared_buffers_megabytes())),
        ("max_wal_size", "8GB".to_owned()),
        ("checkpoint_timeout", "15min".to_owned()),
        ("max_connections", CONNECTIONS_MAX.to_owned()),
    ]
}

/// A quarter of the memory, as its manual advises, but not more than 4 GB.
fn shared_buffers_megabytes() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:")).unwrap_or_default();
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().unwrap_or(1024 * 1024);
    (kilobytes / 1024 / 4).clamp(128, 4096)
}

/// A running server. Everything that it wrote goes with it.
pub struct Cluster {
    child: Child,
    folder: tempfile::TempDir,
}

/// Who may run it: PostgreSQL refuses the superuser.
#[derive(Clone, Copy)]
struct Owner {
    user: u32,
    group: u32,
}

impl Owner {
    fn find() -> Fallible<Option<Self>> {
        if output("id", &["-u"])? != "0" {
            return Ok(None);
        }
        let id = |flag| Fallible::Ok(output("id", &[flag, "postgres"])?.parse()?);
        Ok(Some(Self { user: id("-u")?, group: id("-g")? }))
    }
    fn run(owner: Option<Self>, command: &mut Command) {
        if let Some(owner) = owner {
            command.uid(owner.user).gid(owner.group);
        }
    }
}

impl Cluster {
    pub async fn start() -> Fallible<Self> {
        let programs = programs()?;
        let owner = Owner::find()?;
        // Not below the folder of the measurement, which its user may not be able to enter.
        let folder = tempfile::Builder::new().prefix("annals-bench-postgres").tempdir()?;
        if let Some(owner) = owner {
            chown(folder.path(), Some(owner.user), Some(owner.group))?;
        }
        let data = folder.path().join("data");
        let mut initdb = Command::new(programs.join("initdb"));
        initdb.args(["--auth=trust", "--username=annals", "--encoding=UTF8", "--locale=C", "--pgdata"]).arg(&data);
        Owner::run(owner, &mut initdb);
        let made = initdb.current_dir(folder.path()).stdin(Stdio::null()).output()?;
        if !made.status.success() {
            return Err(format!("initdb: {}", String::from_utf8_lossy(&made.stderr)).into());
        }
        let mut server = Command::new(programs.join("postgres"));
        // Only through its socket: no network is in its way.
        server.arg("-D").arg(&data).arg("-k").arg(folder.path()).args(["-c", "listen_addresses=", "-c", "timezone=UTC"]);
        for (name, value) in settings() {
            server.arg("-c").arg(format!("{name}={value}"));
        }
        Owner::run(owner, &mut server);
        let log = std::fs::File::create(folder.path().join("log"))?;
        let child = server.current_dir(folder.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn()?;
        let cluster = Self { child, folder };
        let started = Instant::now();
        while cluster.connect().await.is_err() {
            if started.elapsed() > START_LIMIT {
                return Err("PostgreSQL does not start".into());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(cluster)
    }

    pub async fn connect(&self) -> Fallible<Client> {
        let mut config = Config::new();
        config.host_path(self.folder.path()).user("annals").dbname("postgres");
        let (client, connection) = config.connect(NoTls).await?;
        // Ends with the client.
        tokio::spawn(connection);
        Ok(client)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // At once, without writing anything more: the folder goes away. Fails when it has ended, which is fine.
        let _ = signal(self.child.id(), "QUIT");
        let _ = self.child.wait();
    }
}

/// Debian's place, 15 before any other version, or the path.
fn programs() -> Fallible<PathBuf> {
    let debian = Path::new("/usr/lib/postgresql");
    let preferred = debian.join("15/bin");
    if preferred.join("postgres").exists() {
        return Ok(preferred);
    }
    let versions = std::fs::read_dir(debian).into_iter().flatten().flatten().map(|entry| entry.path().join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut all = versions.chain(std::env::split_paths(&path).collect::<Vec<_>>());
    all.find(|folder| folder.join("postgres").exists() && folder.join("initdb").exists())
        .ok_or_else(|| "PostgreSQL is not installed (Debian: postgresql-15)".into())
}
