//! Temporary: measures, does not check.
use std::collections::HashMap;
use std::io::BufRead;
use std::sync::Arc;
use annals_core::event::{CommittedEvent, NewEvent, ValidEvent, EventRules, NormalEvent, Violation};
use futures::{StreamExt, TryStreamExt};
use crate::lake::testing::*;
use crate::lake::{Lake, LakeSettings};
use super::*;
struct Any;
impl EventRules for Any { fn violations(&self, _: &NormalEvent) -> Vec<Violation> { vec![] } }
fn rss(what: &str) -> String {
    let s = std::fs::read_to_string("/proc/self/status").unwrap();
    let g = |k: &str| s.lines().find(|l| l.starts_with(k)).unwrap().split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024;
    format!("{what}: rss {} MB, peak {} MB", g("VmRSS"), g("VmHWM"))
}
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore]
async fn write_lake() {
    let folder = std::path::PathBuf::from("/tmp/lake-measure");
    let per_commit: usize = std::env::var("PER_COMMIT").map_or(50, |v| v.parse().unwrap());
    let rate: f64 = std::env::var("RATE").map_or(1000.0, |v| v.parse().unwrap());
    let one = std::env::var("ONE").is_ok();
    let _ = std::fs::remove_dir_all(&folder);
    let lake = Lake::open(&url(&folder), LakeSettings::default()).await.unwrap();
    let mut orgs: HashMap<String, u64> = HashMap::new();
    let mut seq = Sequencer::default();
    let (mut commit, mut flush, mut total, mut text) = (vec![], Vec::<CommittedEvent>::new(), 0, 0);
    let mut spent = std::time::Duration::ZERO;
    for line in std::io::BufReader::new(std::fs::File::open("/tmp/lake-gen.ndjson").unwrap()).lines() {
        let line = line.unwrap();
        let body = line.replacen("{\"organization\":", "{\"organization_id\":", 1);
        let Ok(new) = NewEvent::parse(body.as_bytes()) else { continue };
        let n = orgs.len() as u64;
        let org = if one { 1 } else { *orgs.entry(new.organization.clone()).or_insert(n) };
        let valid: ValidEvent = new.check(&Any).unwrap();
        text += valid.bytes();
        commit.push((organization(org * 7919 % 100_003), valid.into_event()));
        total += 1;
        if commit.len() == per_commit {
            flush.extend(seq.commit((per_commit as f64 / rate * 1e6) as i64, std::mem::take(&mut commit)));
        }
        if flush.len() >= 65_536 {
            let t = std::time::Instant::now();
            let through = flush.last().unwrap().id.commit();
            lake.append(shard(), through, std::mem::take(&mut flush)).await.unwrap();
            spent += t.elapsed();
        }
    }
    let s = lake.snapshot();
    let bytes: u64 = s.files().iter().map(|f| f.bytes).sum(); let rows: u64 = s.files().iter().map(|f| f.rows).sum();
    println!("{total} events, canonical {} B/event, lake {:.1} B/event in {} files, {} rows, append {:?} = {:.0}/s; {}", text / total, bytes as f64 / rows as f64, s.files().len(), rows, spent, rows as f64 / spent.as_secs_f64(), rss("end"));
}
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore]
async fn read_lake() {
    let lake = Lake::open(&url(std::path::Path::new("/tmp/lake-measure")), LakeSettings::default()).await.unwrap();
    println!("{}", rss("opened"));
    let reader = Reader::new(&lake).unwrap();
    let org: u64 = std::env::var("ORG").map_or(1, |v| v.parse().unwrap());
    let snapshot = Snapshot::new(shard(), Vec::new(), lake.snapshot());
    let filter = Filter::of(organization(org * 7919 % 100_003));
    for round in 0..2 {
        let t = std::time::Instant::now();
        let rows: usize = reader.scan(&snapshot, &filter).unwrap().map_ok(|b| b.num_rows()).try_fold(0, |a, b| async move { Ok(a + b) }).await.unwrap();
        println!("scan {round}: {rows} rows in {:?} = {:.0}/s; {}", t.elapsed(), rows as f64 / t.elapsed().as_secs_f64(), rss("now"));
    }
    let few = Filter { actions: vec!["user.signed_in".into()], target_types: vec!["user".into()], ..filter.clone() };
    let t = std::time::Instant::now();
    let rows: usize = reader.scan(&snapshot, &few).unwrap().map_ok(|b| b.num_rows()).try_fold(0, |a, b| async move { Ok(a + b) }).await.unwrap();
    println!("filtered scan: {rows} rows in {:?}", t.elapsed());
    let files = ExportFiles::new(&lake);
    let t = std::time::Instant::now();
    let done = files.write(annals_core::ids::ExportId::from_parts(1, 1), reader.scan(&snapshot, &filter).unwrap()).await.unwrap();
    println!("export: {done:?} in {:?} = {:.0}/s; {}", t.elapsed(), done.rows as f64 / t.elapsed().as_secs_f64(), rss("now"));
    let _ = Arc::new(0); let _ = futures::stream::empty::<()>().boxed();
}
#[test]
#[ignore]
fn layouts() {
    use parquet::arrow::{ArrowWriter, arrow_reader::ParquetRecordBatchReaderBuilder};
    use parquet::basic::{Compression, Encoding, ZstdLevel};
    use parquet::file::properties::*;
    use parquet::schema::types::ColumnPath;
    let dir = std::fs::read_dir("/tmp/lake-measure/audit_events").unwrap().map(|e| e.unwrap().path()).find(|p| p.to_string_lossy().contains("date=")).unwrap();
    let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect(); files.sort();
    let b = ParquetRecordBatchReaderBuilder::try_new(std::fs::File::open(&files[3]).unwrap()).unwrap().with_batch_size(65536).build().unwrap();
    let batches: Vec<_> = b.collect::<Result<_, _>>().unwrap();
    let batch = arrow::compute::concat_batches(&crate::lake::columns::schema(), &batches).unwrap();
    println!("{} rows", batch.num_rows());
    for (col, list) in [("metadata", false), ("target_ids", true), ("target_names", true), ("actor_id", false), ("actor_name", false), ("location", false), ("id", false), ("user_agent", false)] {
        let one = batch.project(&[batch.schema().index_of(col).unwrap()]).unwrap();
        let path = if list { ColumnPath::from(vec![col.to_owned(), "list".into(), "element".into()]) } else { ColumnPath::from(col) };
        for (name, dict, limit, enc, level, page) in [
            ("dict 1M", true, 1 << 20, None, 3, 1024), ("dict 256k", true, 1 << 18, None, 3, 1024), ("dict 64k", true, 1 << 16, None, 3, 1024), ("dict 16k", true, 1 << 14, None, 3, 1024),
            ("plain", false, 1, None, 3, 1024), ("plain p4096", false, 1, None, 3, 4096), ("delta_len", false, 1, Some(Encoding::DELTA_LENGTH_BYTE_ARRAY), 3, 1024), ("delta_ba", false, 1, Some(Encoding::DELTA_BYTE_ARRAY), 3, 1024),
            ("plain z9", false, 1, None, 9, 1024), ("plain z1", false, 1, None, 1, 1024), ("plain z15", false, 1, None, 15, 1024)] {
            let mut p = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::try_new(level).unwrap())).set_data_page_row_count_limit(page).set_write_batch_size(1024).set_statistics_enabled(EnabledStatistics::None)
                .set_column_dictionary_enabled(path.clone(), dict).set_column_dictionary_page_size_limit(path.clone(), limit);
            if let Some(e) = enc { p = p.set_column_encoding(path.clone(), e); }
            let t = std::time::Instant::now();
            let mut w = ArrowWriter::try_new(Vec::new(), one.schema(), Some(p.build())).unwrap();
            w.write(&one).unwrap();
            let bytes = w.into_inner().unwrap();
            println!("{col:14} {name:12} {:7.2} B/event  {:?}", bytes.len() as f64 / one.num_rows() as f64, t.elapsed());
        }
    }
}
