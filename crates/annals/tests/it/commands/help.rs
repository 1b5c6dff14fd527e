//! Completions and man pages know everything that can be typed.

use super::{client, run};

const COMMANDS: [&str; 19] = [
    "serve",
    "emit",
    "list",
    "tail",
    "export",
    "import",
    "orgs",
    "schemas",
    "keys",
    "events",
    "mirror",
    "purge",
    "requests",
    "backup",
    "restore",
    "doctor",
    "completions",
    "man",
    "bench",
];

#[test]
fn completions_name_every_command() {
    for (shell, sign) in [("bash", "complete -F"), ("zsh", "#compdef annals"), ("fish", "complete -c annals")] {
        let ran = run(&mut client(&["completions", shell]));
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{shell}");
        for word in COMMANDS.into_iter().chain([sign, "create-organizations", "from-api-key-file"]) {
            assert!(ran.out.contains(word), "{shell} does not know {word}");
        }
    }
    assert_eq!(run(&mut client(&["completions", "tcsh"])).code, 2);
    let script = format!("{}\ncomplete -p annals\n", run(&mut client(&["completions", "bash"])).out);
    let loaded = run(std::process::Command::new("bash").args(["--norc", "-c", &script]));
    assert!(loaded.code == 0 && loaded.out.contains("annals"), "{loaded:?}");
}

#[test]
fn there_is_a_man_page_for_every_command() {
    let folder = tempfile::tempdir().expect("temp folder");
    let out = folder.path().join("man");
    let ran = run(&mut client(&["man", "--out", out.to_str().expect("readable")]));
    assert_eq!((ran.code, ran.out.as_str()), (0, ""), "{ran:?}");
    let pages = ["orgs-create", "events-follow", "requests-get", "bench-generate"];
    for command in COMMANDS.into_iter().chain(pages) {
        let page =
            std::fs::read_to_string(out.join(format!("annals-{command}.1"))).unwrap_or_else(|error| panic!("{command}: {error}"));
        assert!(page.contains(".SH NAME") && page.contains(".SH SYNOPSIS"), "{command}: {page}");
    }
    let main = run(&mut client(&["man"]));
    assert_eq!(main.code, 0);
    assert!(
        main.out.contains("Exit codes") && COMMANDS.iter().all(|command| main.out.contains(&format!("annals\\-{command}"))),
        "{}",
        main.out
    );
}

#[test]
fn help_tells_exit_codes_and_examples() {
    let help = run(&mut client(&["--help"]));
    assert!(help.code == 0 && help.out.contains("Exit codes:"), "{help:?}");
    for command in ["emit", "list", "tail", "export", "import", "mirror", "purge", "backup", "restore", "doctor"] {
        let help = run(&mut client(&[command, "--help"]));
        assert!(help.code == 0 && help.out.contains("Examples:"), "{command}: {help:?}");
    }
}
