//! What a developer and CI run, set-up included. Knows nothing of the server but its command line, its ready line and its signal.

mod bench;
mod cargo_test;
mod conformance;
mod failure;
mod process;
mod report;
mod s3;
mod server;
mod tidy;
mod tools;
mod torture;
mod workspace;

use std::process::ExitCode;

use conformance::Client;
use failure::Failure;
use report::Report;
use workspace::Workspace;

const USAGE: &str = "\
cargo xtask <command>

  test                   everything: tidy, cargo test, the server under torture (few rounds), the server against the official
                         clients, schemathesis
  conformance [client]   only the clients: node, node-older, python, python-5, python-1, go, go-audittrail, go-nirvana, rust,
                         lake, schemathesis; all of them when none is named
  torture [part…] [--seed N] [--rounds N]
                         a server that is killed, starved and damaged must lose nothing; all parts when none is named
  bench [workload…]      Annals beside its peers: single, batches, disk, export, pages, filters, restart, keys, memory, and `build` when it
                         is named; writes docs/benchmarks.md. --events N, --rounds N, --quick, --keep
  s3                     backups on a server that speaks S3
  tidy                   import arrows, size ratchets, words that must not be committed
  ci                     formatting, lints, then `test`: the same as .ci/run";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        ["test"] => Workspace::find().map(|workspace| test(&workspace)),
        ["conformance"] => Workspace::find().map(|workspace| only_clients(&workspace, &Client::ALL)),
        ["conformance", name] => match Client::named(name) {
            Some(client) => Workspace::find().map(|workspace| only_clients(&workspace, &[client])),
            None => Err(Failure::new(format!("no client is called {name}\n\n{USAGE}"))),
        },
        ["torture", ref arguments @ ..] => {
            Workspace::find().and_then(|workspace| torture::run(&workspace, arguments)).map(|()| true)
        }
        ["bench", ref more @ ..] => Workspace::find().and_then(|workspace| bench::run(&workspace, more)).map(|()| true),
        ["s3"] => Workspace::find().and_then(|workspace| s3::check(&workspace)).map(|()| true),
        ["tidy"] => Workspace::find().and_then(|workspace| tidy::check(workspace.root())).map(|()| true),
        ["ci"] => Workspace::find().and_then(|workspace| ci(&workspace)).map(|()| true),
        _ => Err(Failure::new(USAGE)),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn test(workspace: &Workspace) -> bool {
    let mut report = Report::start();
    report.check("tidy", || tidy::check(workspace.root()));
    report.suite("cargo test", || cargo_test::run(workspace));
    torture::short(workspace, &mut report);
    report.check("backups on S3", || s3::check(workspace));
    clients(workspace, &mut report, &Client::ALL);
    report.finish()
}

fn only_clients(workspace: &Workspace, wanted: &[Client]) -> bool {
    let mut report = Report::start();
    clients(workspace, &mut report, wanted);
    report.finish()
}

/// A client that could not run is a failure of that client, never a silent gap.
fn clients(workspace: &Workspace, report: &mut Report, wanted: &[Client]) {
    let server = report.prepare("build the server", || workspace.build("annals"));
    for client in wanted {
        let ready = report.prepare(&format!("set up {client}"), || client.set_up(workspace));
        report.check(&format!("conformance {client}"), || match (&server, ready) {
            (None, _) => Err(Failure::new("not run: the server was not built")),
            (_, None) => Err(Failure::new("not run: the set-up failed")),
            (Some(server), Some(program)) => client.run(workspace, server, &program),
        });
    }
}

/// `.ci/run` is the one definition of what CI does.
fn ci(workspace: &Workspace) -> Result<(), Failure> {
    process::run(workspace.command(".ci/run"))
}
