//! Reads our own tree: the rules that no compiler holds.

use std::fs;
use std::path::{Path, PathBuf};

/// The root of the workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_path_buf()
}

/// Every source file below `folder`.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found
}

/// The code of a file, without comments.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let lines = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn machines_name_no_runtime() {
    let machines: Vec<_> = ["actors", "core", "media"]
        .iter()
        .flat_map(|krate| sources(&root().join(krate).join("src")))
        .filter(|path| path.file_name().is_some_and(|name| name == "machine.rs"))
        .collect();
    assert!(
        machines.len() >= 4,
        "calls, queues, agents and menus have machines: {machines:?}"
    );
    for path in machines {
        let code = code(&path);
        for word in ["tokio", "ractor", "async ", "Instant::now", "alarm::now"] {
            assert!(!code.contains(word), "{} says {word}", path.display());
        }
    }
}

#[test]
fn core_knows_neither_runtime_nor_socket_nor_file() {
    for path in sources(&root().join("core/src")) {
        // Tests and fuzz bodies count virtual time from one real reading.
        if path
            .components()
            .any(|part| part.as_os_str() == "tests" || part.as_os_str() == "fuzz")
            || path
                .file_name()
                .is_some_and(|name| name == "tests.rs" || name == "test_time.rs")
        {
            continue;
        }
        let code = code(&path);
        for word in [
            "tokio",
            "ractor",
            "UdpSocket",
            "TcpStream",
            "Instant::now",
            "thread::",
        ] {
            assert!(!code.contains(word), "{} says {word}", path.display());
        }
    }
}

#[test]
fn dependencies_point_one_way() {
    let below = [
        (
            "core",
            &[
                "offhook-media",
                "offhook-actors",
                "offhook-api",
                "offhook-sounds",
            ][..],
        ),
        (
            "media",
            &["offhook-actors", "offhook-api", "offhook-sounds"][..],
        ),
        ("actors", &["offhook-api"][..]),
        (
            "sounds",
            &[
                "offhook-core",
                "offhook-media",
                "offhook-actors",
                "offhook-api",
            ][..],
        ),
    ];
    for (krate, forbidden) in below {
        let manifest = fs::read_to_string(root().join(krate).join("Cargo.toml")).unwrap();
        for name in forbidden {
            let depends = manifest
                .lines()
                .any(|line| line.starts_with(&format!("{name}.")));
            assert!(!depends, "{krate} depends on {name}");
        }
    }
}

#[test]
fn only_the_store_speaks_sql() {
    for path in sources(&root().join("actors/src"))
        .into_iter()
        .chain(sources(&root().join("api/src")))
    {
        if !path.to_string_lossy().contains("/store") {
            assert!(
                !code(&path).contains("sqlx"),
                "{} names sqlx",
                path.display()
            );
        }
    }
}

#[test]
fn the_longest_files_are_known() {
    let mut lengths: Vec<_> = [
        "core", "media", "actors", "api", "sounds", "tests", "benches",
    ]
    .iter()
    .flat_map(|krate| sources(&root().join(krate)))
    .map(|path| (fs::read_to_string(&path).unwrap().lines().count(), path))
    .collect();
    lengths.sort_unstable_by(|one, two| two.cmp(one));
    assert!(lengths.len() > 100, "the tree was read");
    for (lines, path) in lengths.iter().take(10) {
        println!("{lines:5} {}", path.strip_prefix(root()).unwrap().display());
    }
}

/// Every `name` in backticks in the fourth column of a table.
/// The lines of the tables: the standards of each, and the tests it names.
fn lines_of_tables(text: &str) -> Vec<(Vec<&str>, Vec<&str>)> {
    let rows = text.lines().filter(|line| line.starts_with("| "));
    let cells = rows.map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
    cells
        .filter_map(|cells| {
            let tests = cells.get(4)?.split('`').skip(1).step_by(2).collect();
            Some((standards(cells.get(1)?), tests))
        })
        .filter(|(standards, _): &(Vec<&str>, _)| !standards.is_empty())
        .collect()
}

/// `3261`, `HEP`, `draft`: what standards are called by.
fn standards(cell: &str) -> Vec<&str> {
    let words = cell.split(|letter: char| !letter.is_ascii_alphanumeric());
    let is_number = |word: &&str| word.len() == 4 && word.bytes().all(|byte| byte.is_ascii_digit());
    words
        .filter(|word| is_number(word) || ["HEP", "draft"].contains(word))
        .collect()
}

/// What stands above each function of a file.
fn comments_of_functions(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut above = String::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with("///") || line.starts_with("#[") {
            above.push_str(line);
            continue;
        }
        let function = line
            .split_once("fn ")
            .and_then(|(_, rest)| rest.split_once('('));
        if let Some((name, _)) = function.filter(|_| !line.starts_with("//")) {
            found.push((name.to_owned(), std::mem::take(&mut above)));
        }
        above.clear();
    }
    found
}

/// So that what the table promises can be found where it is proved, and the other way round.
#[test]
fn each_line_of_the_table_of_standards_names_tests_that_say_which_they_hold() {
    let text = fs::read_to_string(root().join("docs/sip.md")).unwrap();
    let lines = lines_of_tables(&text);
    assert!(lines.len() > 30, "the table is read wrongly: {lines:?}");
    let files = ["core/src", "media/src", "actors/src", "api/src", "tests/it"]
        .iter()
        .flat_map(|folder| sources(&root().join(folder)));
    let known: Vec<_> = files
        .flat_map(|path| comments_of_functions(&fs::read_to_string(path).unwrap()))
        .collect();
    for (standards, tests) in lines {
        let mut says_so = false;
        for test in &tests {
            let above: Vec<_> = known.iter().filter(|(name, _)| name == test).collect();
            assert!(
                !above.is_empty(),
                "docs/sip.md names {test}, which is nowhere"
            );
            says_so |= above
                .iter()
                .any(|(_, above)| standards.iter().any(|standard| above.contains(standard)));
        }
        assert!(
            says_so,
            "none of {tests:?} says that it holds {standards:?}"
        );
    }
}
