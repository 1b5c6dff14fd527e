//! `annals bench generate` as it is typed, and the files that it writes.

use std::fs::File;
use std::io::{self, Write};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::generator::{Delivery, Generator};
use super::plan::{DAYS_MAX, ORGANIZATIONS_MAX, Plan};
use super::time::parse_day;

/// Lines are collected up to here, because one write a line would cost more than making the line.
const BUFFER_BYTES: usize = 1 << 20;

#[derive(Debug, clap::Args)]
pub struct GenerateArgs {
    /// Different events; about 56 retries for every 10,000 come on top
    #[arg(long, default_value_t = 1_000_000)]
    pub events: u64,
    /// Organizations, of which the busiest has about an eighth of the events
    #[arg(long, default_value = "10000", value_parser = at_most::<ORGANIZATIONS_MAX>)]
    pub organizations: NonZeroU32,
    /// The same seed gives the same bytes
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// First day, UTC, as YYYY-MM-DD
    #[arg(long, default_value = "2026-01-01", value_parser = parse_day)]
    pub start: u64,
    /// Days over which the events arrive
    #[arg(long, default_value = "1", value_parser = at_most::<DAYS_MAX>)]
    pub days: NonZeroU32,
    /// Where the events go, one JSON object a line; - is the standard output
    #[arg(long, default_value = "-")]
    pub output: PathBuf,
    /// Also write what a server must know first, the organizations and the schemas, as one JSON object
    #[arg(long)]
    pub setup: Option<PathBuf>,
}

impl GenerateArgs {
    fn plan(&self) -> Plan {
        Plan { seed: self.seed, events: self.events, organizations: self.organizations, start: self.start, days: self.days }
    }
}

/// Says on the standard error what was written.
pub fn run(args: GenerateArgs) -> io::Result<()> {
    let generator = Generator::new(&args.plan());
    if let Some(path) = &args.setup {
        write_setup(&generator, path)?;
    }
    let written = if args.output == Path::new("-") {
        write_lines(generator, &mut io::stdout().lock())
    } else {
        File::create(&args.output).and_then(|mut file| write_lines(generator, &mut file))
    };
    match written {
        Ok(written) => written.report(),
        // The reader has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(error),
    }
}

#[derive(Debug, Default, PartialEq)]
struct Written {
    lines: u64,
    retries: u64,
    reused_keys: u64,
    bytes: u64,
    nanoseconds: u64,
}

impl Written {
    fn report(&self) -> io::Result<()> {
        let Written { lines, retries, reused_keys, bytes, nanoseconds } = self;
        let (mean, seconds) = (bytes / (*lines).max(1), nanoseconds / super::time::SECOND);
        writeln!(
            io::stderr(),
            "{lines} lines of {mean} bytes on average, {retries} retries and {reused_keys} reused keys among them, arriving over {seconds} s"
        )
    }
}

fn write_lines(generator: Generator, out: &mut impl Write) -> io::Result<Written> {
    let mut written = Written::default();
    let mut buffer = Vec::with_capacity(BUFFER_BYTES + BUFFER_BYTES / 16);
    let mut first_arrived_at = None;
    for generated in generator {
        serde_json::to_writer(&mut buffer, &generated.line())?;
        buffer.push(b'\n');
        written.lines += 1;
        written.retries += u64::from(generated.delivery == Delivery::Retry);
        written.reused_keys += u64::from(generated.delivery == Delivery::KeyReused);
        written.nanoseconds = generated.arrives_at - *first_arrived_at.get_or_insert(generated.arrives_at);
        if buffer.len() >= BUFFER_BYTES {
            written.bytes += buffer.len() as u64;
            out.write_all(&buffer)?;
            buffer.clear();
        }
    }
    written.bytes += buffer.len() as u64;
    out.write_all(&buffer)?;
    out.flush()?;
    Ok(written)
}

/// `{"organizations":[{"external_id":…,"name":…,"rank":…}],"schemas":[{"action":…,"targets":[{"type":…}]}]}`
fn write_setup(generator: &Generator, path: &Path) -> io::Result<()> {
    let organizations = generator.organizations().iter().map(
        |organization| json!({"external_id": organization.external_id, "name": organization.name, "rank": organization.rank}),
    );
    let setup = json!({
        "organizations": organizations.collect::<Vec<_>>(),
        "schemas": generator.schemas().collect::<Vec<_>>(),
    });
    let mut file = io::BufWriter::new(File::create(path)?);
    serde_json::to_writer(&mut file, &setup)?;
    file.flush()
}

fn at_most<const MAX: u32>(text: &str) -> Result<NonZeroU32, String> {
    let number = text.parse::<NonZeroU32>().map_err(|error| error.to_string())?;
    if number.get() > MAX { Err(format!("at most {MAX}")) } else { Ok(number) }
}
