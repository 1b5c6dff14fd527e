//! Nothing runs uphill: which crate and which module may know which. The tables are ARCHITECTURE.md's drawing, as data.

use super::SourceFile;
use super::source::{code_only, without_test_modules};

struct Crate {
    folder: &'static str,
    name: &'static str,
    /// Crates of this workspace that it may name in any section of its manifest.
    may_use: &'static [&'static str],
    /// Beginnings of package names that must not stand under `[dependencies]`: the walls between the layers.
    must_not_use: &'static [&'static str],
}

const STORAGE: &[&str] = &["sqlx", "rusqlite", "arrow", "parquet", "datafusion", "deltalake", "object_store"];
const HTTP: &[&str] = &["axum", "hyper", "tower", "reqwest"];

/// Every member of the workspace, and nothing else.
const CRATES: &[Crate] = &[
    Crate {
        folder: "crates/core",
        name: "annals-core",
        may_use: &[],
        // No I/O, no clock, no randomness.
        must_not_use: &[
            "sqlx",
            "rusqlite",
            "arrow",
            "parquet",
            "datafusion",
            "deltalake",
            "object_store",
            "tokio",
            "axum",
            "reqwest",
            "rand",
            "getrandom",
        ],
    },
    Crate { folder: "crates/engine", name: "annals-engine", may_use: &["annals-core"], must_not_use: HTTP },
    Crate { folder: "crates/server", name: "annals-server", may_use: &["annals-engine", "annals-core"], must_not_use: STORAGE },
    Crate { folder: "crates/client", name: "annals-client", may_use: &["annals-core"], must_not_use: STORAGE },
    Crate {
        folder: "crates/annals",
        name: "annals",
        may_use: &["annals-client", "annals-server", "annals-engine", "annals-core"],
        must_not_use: STORAGE,
    },
    Crate { folder: "crates/bench", name: "annals-bench", may_use: &["annals-client", "annals-core"], must_not_use: STORAGE },
    Crate { folder: "crates/torture", name: "annals-torture", may_use: &["annals-client", "annals-core"], must_not_use: STORAGE },
    Crate { folder: "crates/fuzz-targets", name: "annals-fuzz-targets", may_use: &["annals-core"], must_not_use: STORAGE },
    Crate { folder: "fuzz", name: "annals-fuzz", may_use: &["annals-fuzz-targets"], must_not_use: STORAGE },
    Crate { folder: "conformance/rust", name: "annals-conformance", may_use: &[], must_not_use: &[] },
    Crate { folder: "xtask", name: "xtask", may_use: &[], must_not_use: HTTP },
];

struct Module {
    name: &'static str,
    may_use: &'static [&'static str],
}

const ENGINE: &str = "crates/engine/src/";

/// The top-level modules of the engine and whom they may name, beside themselves and the open ones. `annals_core` is open too.
const ENGINE_MODULES: &[Module] = &[
    Module { name: "jobs", may_use: &["commit_log", "disk", "exports", "lake", "read", "store", "tenants"] },
    Module { name: "feed", may_use: &["commit_log", "lake", "read", "store", "tenants"] },
    Module { name: "exports", may_use: &["entities", "read", "store", "tenants"] },
    Module { name: "audit_events", may_use: &["commit_log", "lake", "read", "store", "tenants"] },
    Module { name: "append", may_use: &["commit_log", "store", "tenants"] },
    Module { name: "api_requests", may_use: &["commit_log", "exports", "lake", "read", "store", "tenants"] },
    Module { name: "answers", may_use: &["store", "tenants"] },
    Module { name: "answers_tests", may_use: &["answers", "store", "tenants"] },
    Module { name: "backup", may_use: &["commit_log", "data_folder", "doctor", "lake", "place", "store"] },
    Module { name: "doctor", may_use: &["commit_log", "lake", "place", "store"] },
    Module { name: "read", may_use: &["commit_log", "lake", "store", "tenants"] },
    Module { name: "founding", may_use: &["store", "tenants"] },
    Module { name: "lake", may_use: &["store"] },
    Module { name: "commit_log", may_use: &["store"] },
    Module { name: "tenants", may_use: &["entities", "store"] },
    Module { name: "testing", may_use: &["doctor", "exports", "jobs", "place", "read", "store", "tenants"] },
    Module { name: "data_folder", may_use: &[] },
    Module { name: "place", may_use: &[] },
    Module { name: "disk", may_use: &[] },
    Module { name: "store", may_use: &["entities"] },
    Module { name: "entities", may_use: &[] },
    Module { name: "random", may_use: &["store"] },
    Module { name: "page", may_use: &[] },
    Module { name: "clock", may_use: &[] },
    Module { name: "crash_point", may_use: &[] },
];

/// Small modules that every other one may name.
const ENGINE_OPEN: &[&str] = &["clock", "crash_point", "page", "random", "testing"];

/// Modules that put the others together: they may name them all.
const ENGINE_ROOTS: &[&str] = &["lib", "engine"];

pub fn faults(files: &[SourceFile]) -> Vec<String> {
    let mut faults = member_faults(files);
    for file in files {
        if let Some(rule) = CRATES.iter().find(|rule| file.path == format!("{}/Cargo.toml", rule.folder)) {
            faults.extend(manifest_faults(rule, &file.text));
        }
        if let Some(inside) = file.path.strip_prefix(ENGINE) {
            faults.extend(module_faults(inside, &file.text));
        }
    }
    faults
}

/// A crate that the table does not know would have no walls.
fn member_faults(files: &[SourceFile]) -> Vec<String> {
    let manifests = files.iter().filter_map(|file| file.path.strip_suffix("/Cargo.toml"));
    let unknown = manifests.filter(|folder| CRATES.iter().all(|rule| rule.folder != *folder));
    unknown.map(|folder| format!("{folder}/Cargo.toml: not in the table of crates in xtask/src/tidy/imports.rs")).collect()
}

fn manifest_faults(rule: &Crate, manifest: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for (section, package) in dependencies(manifest) {
        let ours = CRATES.iter().any(|other| other.name == package);
        if ours && !rule.may_use.contains(&package) {
            faults.push(format!("{}/Cargo.toml: {} must not use {package}", rule.folder, rule.name));
        }
        if section == "dependencies" && rule.must_not_use.iter().any(|beginning| package.starts_with(beginning)) {
            faults.push(format!("{}/Cargo.toml: {} must not use {package}", rule.folder, rule.name));
        }
    }
    faults
}

/// Section and package name of every dependency line.
fn dependencies(manifest: &str) -> Vec<(&str, &str)> {
    let mut section = "";
    let mut out = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[') {
            section = header.trim_end_matches(']');
            // `[dependencies.sqlx]` names a package by itself.
            if let Some((section, package)) = section.split_once("dependencies.") {
                out.push((if section.is_empty() { "dependencies" } else { section }, package));
            }
        } else if section.ends_with("dependencies") && !line.is_empty() && !line.starts_with('#') {
            let name = line.split(['.', '=', ' ']).next().unwrap_or(line);
            out.push((section, name));
        }
    }
    out
}

/// `inside` is the path below the engine's `src`.
fn module_faults(inside: &str, text: &str) -> Vec<String> {
    let segments: Vec<&str> = inside.trim_end_matches(".rs").split('/').filter(|segment| *segment != "mod").collect();
    let own = segments[0];
    if ENGINE_ROOTS.contains(&own) {
        return Vec::new();
    }
    match ENGINE_MODULES.iter().find(|module| module.name == own) {
        Some(module) => uphill(inside, segments.len(), own, module.may_use, text),
        None => vec![format!("{ENGINE}{inside}: module {own} is not in the table of modules in xtask/src/tidy/imports.rs")],
    }
}

fn uphill(inside: &str, depth: usize, own: &str, may_use: &[&str], text: &str) -> Vec<String> {
    let code = without_test_modules(&code_only(text));
    let mut used = named_modules(&code, "crate::");
    used.extend(named_modules(&code, &"super::".repeat(depth)));
    used.sort_unstable();
    used.dedup();
    // Types that `lib.rs` passes on have names too, but only a module is an arrow. Naming a root closes a circle.
    let is_module = |name: &&str| ENGINE_ROOTS.contains(name) || ENGINE_MODULES.iter().any(|module| module.name == *name);
    let wrong =
        used.into_iter().filter(|name| *name != own && is_module(name) && !may_use.contains(name) && !ENGINE_OPEN.contains(name));
    wrong.map(|name| format!("{ENGINE}{inside}: {own} must not use {name}")).collect()
}

/// The names that follow `prefix`: one, or each first name of a braced group.
fn named_modules<'a>(code: &'a str, prefix: &str) -> Vec<&'a str> {
    let mut out = Vec::new();
    for (at, _) in code.match_indices(prefix) {
        let rest = &code[at + prefix.len()..];
        match rest.strip_prefix('{') {
            Some(group) => out.extend(group_heads(group)),
            None => out.push(head(rest)),
        }
    }
    out
}

/// `a::{b, c}, d::e}` gives a and d.
fn group_heads(group: &str) -> Vec<&str> {
    let mut heads = vec![head(group)];
    let mut depth = 0usize;
    for (at, byte) in group.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 0 => break,
            b'}' => depth -= 1,
            b',' if depth == 0 => heads.push(head(&group[at + 1..])),
            _ => {}
        }
    }
    heads
}

fn head(text: &str) -> &str {
    let text = text.trim_start();
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_shows_its_dependencies() {
        let manifest = "[package]\nname = \"x\"\n[dependencies]\na.workspace = true\n# no\nb = \"1\"\n[dev-dependencies]\nc = { path = \"c\" }\n[dependencies.d]\nversion = \"1\"\n";
        let expected = [("dependencies", "a"), ("dependencies", "b"), ("dev-dependencies", "c"), ("dependencies", "d")];
        assert_eq!(dependencies(manifest), expected);
    }

    #[test]
    fn crates_have_walls() {
        let server = &CRATES[2];
        assert_eq!(server.name, "annals-server");
        assert_eq!(manifest_faults(server, "[dependencies]\nannals-core.workspace = true\naxum = \"1\"\n"), Vec::<String>::new());
        assert_eq!(manifest_faults(server, "[dependencies]\ndeltalake-core = \"1\"\n").len(), 1);
        assert_eq!(manifest_faults(server, "[dev-dependencies]\nannals = \"1\"\n").len(), 1);
        assert_eq!(manifest_faults(&CRATES[0], "[dependencies]\nannals-engine = \"1\"\n").len(), 1);
    }

    #[test]
    fn modules_have_arrows() {
        let allowed = "use crate::{store::{self, Store}, tenants::Scope};\n#[cfg(test)]\nmod tests { use crate::append; }\n// crate::append::x\n";
        assert_eq!(module_faults("read/page.rs", allowed), Vec::<String>::new());
        let wrong = "use crate::{store::{A, B}, append::X};\nfn f() { crate::jobs::run(); super::super::append::x(); super::jobs::y(); }\n";
        let expected = [
            "crates/engine/src/read/page.rs: read must not use append",
            "crates/engine/src/read/page.rs: read must not use jobs",
        ];
        assert_eq!(module_faults("read/page.rs", wrong), expected);
        assert_eq!(
            module_faults("store/mod.rs", "use super::lake::X;"),
            ["crates/engine/src/store/mod.rs: store must not use lake"]
        );
        assert_eq!(module_faults("lib.rs", "mod jobs; use crate::jobs::X;"), Vec::<String>::new());
        assert_eq!(module_faults("surprise.rs", "").len(), 1);
    }
}
