//! A name stands for a whole file or for none.

use std::path::Path as FilePath;

use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions};

use super::DurableFiles;

fn names(folder: &FilePath) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("a file").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn inside(folder: &FilePath, name: &str) -> Path {
    Path::from_absolute_path(folder.join(name)).expect("an absolute path")
}

#[tokio::test]
async fn creating_twice_is_refused_and_overwriting_is_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let base = folder.path().join("new/base");
    let store = DurableFiles::open(base.clone()).expect("a folder");
    let file = inside(&base, "a/b/file");
    let put = |text: &'static str, mode| store.put_opts(&file, text.into(), PutOptions::from(mode));
    put("one", PutMode::Create).await.expect("a new name");
    assert!(matches!(put("two", PutMode::Create).await, Err(Error::AlreadyExists { .. })));
    assert_eq!(store.get(&file).await.expect("there").bytes().await.expect("there"), "one");
    let put = put("three", PutMode::Overwrite).await.expect("any name");
    let head = store.head(&file).await.expect("there");
    assert_eq!((head.size, head.e_tag), (5, put.e_tag));
    let other = inside(&base, "other");
    store.rename(&file, &other).await.expect("there");
    store.copy(&other, &file).await.expect("there");
    assert_eq!((names(&base), names(&base.join("a/b"))), (vec!["a".to_owned(), "other".to_owned()], vec!["file".to_owned()]));
}

#[tokio::test]
async fn parts_appear_when_they_are_complete_and_leave_nothing_otherwise() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = DurableFiles::open(folder.path().to_owned()).expect("a folder");
    let file = inside(folder.path(), "file");
    let mut upload = store.put_multipart(&file).await.expect("a new name");
    upload.put_part("one ".into()).await.expect("room");
    upload.put_part("two".into()).await.expect("room");
    let listed: Vec<_> = store.list(Some(&inside(folder.path(), ""))).try_collect().await.expect("a folder");
    assert_eq!(listed.len(), 0);
    upload.complete().await.expect("room");
    assert_eq!(store.get(&file).await.expect("there").bytes().await.expect("there"), "one two");

    let mut aborted = store.put_multipart(&file).await.expect("a name");
    aborted.put_part("three".into()).await.expect("room");
    aborted.abort().await.expect("nothing keeps it");
    let dropped = store.put_multipart(&file).await.expect("a name");
    drop(dropped);
    // Removed by a task of its own.
    while names(folder.path()).len() > 1 {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    assert_eq!(store.get(&file).await.expect("there").bytes().await.expect("there"), "one two");
}

#[tokio::test]
async fn what_dead_writers_left_is_swept() {
    let folder = tempfile::tempdir().expect("a folder");
    let deep = folder.path().join("audit_events/date=2026-07-23");
    std::fs::create_dir_all(&deep).expect("a folder");
    for name in ["_staged_0011", "_staged_0011#1", "part.parquet"] {
        std::fs::write(deep.join(name), "x").expect("a file");
    }
    DurableFiles::open(folder.path().to_owned()).expect("a folder");
    assert_eq!(names(&deep), ["part.parquet"]);
}

#[tokio::test]
async fn what_is_gone_is_no_missing_file_and_nothing_is_written_in_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().join("lake");
    std::fs::create_dir_all(base.join("table")).unwrap();
    let files = DurableFiles::open(base.clone()).unwrap();
    let inside = |name: &str| Path::from_filesystem_path(&base).unwrap().join("table").join(name);
    files.put(&inside("a"), "1".into()).await.unwrap();
    files.complete();
    files.put(&inside("b"), "2".into()).await.unwrap();
    assert!(matches!(files.get(&inside("c")).await, Err(Error::NotFound { .. })));
    // As if its disk were unmounted: an empty folder is left.
    std::fs::rename(&base, folder.path().join("away")).unwrap();
    std::fs::create_dir(&base).unwrap();
    assert!(matches!(files.get(&inside("a")).await, Err(Error::Generic { .. })));
    assert!(files.get_range(&inside("a"), 0..1).await.is_err_and(|error| !matches!(error, Error::NotFound { .. })));
    assert!(files.put(&inside("d"), "3".into()).await.is_err());
    assert!(files.put_multipart(&inside("e")).await.is_err());
    assert_eq!(std::fs::read_dir(&base).unwrap().count(), 0);
    std::fs::remove_dir(&base).unwrap();
    std::fs::rename(folder.path().join("away"), &base).unwrap();
    assert_eq!(files.get(&inside("a")).await.unwrap().bytes().await.unwrap(), "1");
    files.put(&inside("d"), "3".into()).await.unwrap();
}
