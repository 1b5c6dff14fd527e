//! Every step of what the jobs do to log and lake × {failed and not stored, failed but stored, killed there}: flushes with their seals,
//! merges, purges, expiry of records, answers and exports, vacuums, and the checkpoints that Delta makes on the way.
//!
//! The steps are not listed: writes of the lake, calls to the store and crash points are counted, and each of them is one case, from the
//! first to the last that the work comes by. After each case a new process starts on the folder, [`world::World::check`] looks that nothing
//! acknowledged is lost, doubled or changed, the work is done again, and what it leaves is what undisturbed work leaves.

mod world;

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, OnceLock};

use annals_core::time::Micros;
use tempfile::TempDir;

use crate::clock::MovedClock;
use crate::lake::testing::{Fault as LakeFault, When};
use crate::store::faulty::FAULTS;
use world::{Recorded, World, recorded};

/// What a child process is told.
const WORK: &str = "ANNALS_TEST_WORK";
const FOLDER: &str = "ANNALS_TEST_FOLDER";
const CLOCK: &str = "ANNALS_TEST_CLOCK";
/// No work comes by so many steps: a test that never ends is no test.
const STEPS_MAX: usize = 400;
/// Calls that change the database on behalf of a job.
const CALLS: [&str; 7] =
    ["claim_shard", "commit", "release", "set_export_state", "expire_answers", "retention_periods", "organization"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    Flush,
    Merge,
    Purge,
    Expire,
    Vacuum,
    Chores,
}

impl Work {
    const ALL: [Self; 6] = [Self::Flush, Self::Merge, Self::Purge, Self::Expire, Self::Vacuum, Self::Chores];

    fn named(name: &str) -> Self {
        Self::ALL.into_iter().find(|work| format!("{work:?}") == name).expect("one of the works")
    }

    /// A folder in which there is such work to do, and when it is.
    fn prepared(self) -> (&'static Path, Micros) {
        static FRESH: OnceLock<(TempDir, Micros)> = OnceLock::new();
        static WORKED: OnceLock<(TempDir, Micros)> = OnceLock::new();
        let prepare = |worked: bool| {
            move || {
                let folder = tempfile::tempdir().expect("a folder");
                let clock = block_on(world::prepare(folder.path(), worked));
                (folder, clock)
            }
        };
        let (folder, clock) =
            if self == Self::Vacuum { WORKED.get_or_init(prepare(true)) } else { FRESH.get_or_init(prepare(false)) };
        (folder.path(), *clock)
    }
}

fn block_on<T: Send>(work: impl Future<Output = T> + Send) -> T {
    let on_its_own = || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads");
        runtime.block_on(work)
    };
    std::thread::scope(|scope| scope.spawn(on_its_own).join().expect("it ends"))
}

/// A folder of one case, and what must be in it.
struct Case {
    folder: TempDir,
    now: Micros,
    expected: Recorded,
}

impl Case {
    fn of(work: Work) -> Self {
        let (good, now) = work.prepared();
        let folder = tempfile::tempdir().expect("a folder");
        copy(good, folder.path());
        Self { folder, now, expected: recorded(good) }
    }

    fn clock(&self) -> Arc<MovedClock> {
        Arc::new(MovedClock::at(self.now))
    }

    /// Another process finds the folder so, and finishes the work.
    async fn check(&self, case: &str, work: Work) {
        let clock = self.clock();
        let world = World::open(self.folder.path(), &clock).await;
        world.check(case, &self.expected).await;
        world.run(work).await.unwrap_or_else(|error| panic!("{case}: done again: {error}"));
        world.check(case, &self.expected).await;
        world.check_done(case, work).await;
        if work != Work::Vacuum {
            world.check_keys(case).await;
        }
        world.close().await;
        clock.advance(3 * world::DAY);
        let world = World::open(self.folder.path(), &clock).await;
        world.check_clean(case, self.folder.path()).await;
        world.check(case, &self.expected).await;
        world.close().await;
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let (entry, name) = entry.map(|entry| (entry.path(), entry.file_name())).expect("a folder");
        if entry.is_dir() {
            copy(&entry, &to.join(name));
        } else {
            std::fs::copy(&entry, to.join(name)).expect("a file");
        }
    }
}

/// The n-th write or deletion in the lake fails, for every n.
async fn lake_fails(work: Work) {
    for when in [When::NotStored, When::StoredButUnanswered] {
        for before in 0..STEPS_MAX {
            let (name, case) = (format!("{work:?}, write {before}, {when:?}"), Case::of(work));
            let world = World::open(case.folder.path(), &case.clock()).await;
            world.files.fail_after(before, LakeFault { path_end: "", when });
            let outcome = world.run(work).await;
            let struck = world.files.struck();
            assert!(struck || outcome.is_ok(), "{name}: {outcome:?}");
            // The same process sees it too, whether or not it noticed.
            world.check(&name, &case.expected).await;
            world.close().await;
            case.check(&name, work).await;
            if !struck {
                break;
            }
        }
    }
}

/// The n-th call to the store fails, for every method and every n.
async fn store_fails(work: Work) {
    for method in CALLS {
        for fault in FAULTS {
            for nth in 1.. {
                let (name, case) = (format!("{work:?}, call {nth} of {method}, {fault:?}"), Case::of(work));
                let world = World::open(case.folder.path(), &case.clock()).await;
                world.store.arm(method, nth, fault);
                let _ = world.run(work).await;
                let struck = world.store.is_spent();
                world.close().await;
                if !struck {
                    break;
                }
                case.check(&name, work).await;
            }
        }
    }
}

/// The process dies at the n-th step, for every n: another one runs the work, and this one looks what it left.
async fn dies(work: Work) {
    for step in 1..STEPS_MAX {
        let case = Case::of(work);
        let program = std::env::current_exe().expect("this program");
        let child = "jobs::crash_table::works_until_it_dies";
        let mut command = Command::new(program);
        command.args(["--exact", child, "--nocapture"]);
        command.env(WORK, format!("{work:?}")).env(FOLDER, case.folder.path()).env(CLOCK, case.now.get().to_string());
        command.env("ANNALS_CRASH_AT", format!("any:{step}"));
        let output = tokio::task::spawn_blocking(move || command.output()).await.expect("it ends").expect("a process");
        let said = String::from_utf8_lossy(&output.stderr);
        let point = said.lines().find_map(|line| line.strip_prefix("dies at "));
        assert!(point.is_some() || output.status.success(), "{work:?}, step {step}: {said}");
        let name = format!("{work:?}, killed at step {step}: {}", point.unwrap_or("none"));
        case.check(&name, work).await;
        if point.is_none() {
            return;
        }
    }
    panic!("{work:?} comes by more than {STEPS_MAX} steps");
}

/// The child of [`dies`]: does nothing in any other process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn works_until_it_dies() {
    let variable = |name| std::env::var(name).ok();
    let (Some(work), Some(folder), Some(now)) = (variable(WORK), variable(FOLDER), variable(CLOCK)) else { return };
    let clock: Arc<MovedClock> = Arc::new(MovedClock::at(Micros::saturating(now.parse().expect("a number"))));
    let world = World::open(Path::new(&folder), &clock).await;
    world.run(Work::named(&work)).await.expect("nothing fails");
    world.close().await;
}

macro_rules! table {
    ($($name:ident: $work:ident,)*) => {$(
        mod $name {
            use super::Work;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn when_the_lake_fails() {
                super::lake_fails(Work::$work).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn when_the_store_fails() {
                super::store_fails(Work::$work).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn when_the_process_dies() {
                super::dies(Work::$work).await;
            }
        }
    )*};
}

table! {
    flush: Flush,
    merge: Merge,
    purge: Purge,
    expire: Expire,
    vacuum: Vacuum,
    chores: Chores,
}
