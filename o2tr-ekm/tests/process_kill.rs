//! Real processes: one is killed in the midst of commits, again and again, and nothing acknowledged is lost; a second
//! one is kept out and told who holds the store.
//!
//! The test starts itself as the process that is killed, hence no test harness.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that panics has failed")]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use o2tr_ekm::conformance::unlock;
use o2tr_ekm::{Change, EkmStore, OpenError, Options, RowName, open_files, open_sqlite};

const ROWS: usize = 5;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [_, "commit-until-killed", backend, directory] => commit_until_killed(backend, Path::new(directory)),
        _ => {
            for backend in ["sqlite", "files"] {
                killed_processes_lose_nothing_acknowledged(backend);
                println!("test killed_processes_lose_nothing_acknowledged ({backend}) ... ok");
                a_second_process_is_told_who_holds_the_store(backend);
                println!("test a_second_process_is_told_who_holds_the_store ({backend}) ... ok");
            }
        }
    }
}

fn open(backend: &str, directory: &Path) -> Result<Box<dyn EkmStore>, OpenError> {
    let options = Options::default();
    Ok(match backend {
        "sqlite" => Box::new(open_sqlite(directory, &unlock(), &options)?.vault),
        _ => Box::new(open_files(directory, &unlock(), &options)?.vault),
    })
}

fn name(row: usize) -> RowName {
    RowName::conversation(b"me", &row.to_be_bytes())
}

fn record(row: usize, generation: u64) -> Vec<u8> {
    format!("row {row}, generation {generation}").repeat(20).into_bytes()
}

fn commit_until_killed(backend: &str, directory: &Path) {
    let mut store = open(backend, directory).unwrap();
    let mut generations: Vec<u64> =
        (0..ROWS).map(|row| store.load(&name(row)).unwrap().map_or(0, |loaded| loaded.generation)).collect();
    let mut out = std::io::stdout();
    writeln!(out, "open").unwrap();
    loop {
        for (row, generation) in generations.iter_mut().enumerate() {
            let change = Change::put(name(row), *generation, record(row, *generation + 1).into());
            let change = if *generation % 3 == 0 { change.retiring_secret() } else { change };
            store.commit(change.into()).unwrap();
            *generation += 1;
            writeln!(out, "{row} {generation}").unwrap();
        }
    }
}

fn start(backend: &str, directory: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["commit-until-killed", backend])
        .arg(directory)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn killed_processes_lose_nothing_acknowledged(backend: &str) {
    let directory = tempfile::tempdir().unwrap();
    let mut acknowledged = [0_u64; ROWS];
    for round in 0..12 {
        let mut child = start(backend, directory.path());
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "open");
        let killed_at = Instant::now() + Duration::from_millis(20 + round * 17);
        let mut alive = true;
        let before = acknowledged.iter().sum::<u64>();
        for line in lines {
            let line = line.unwrap();
            if let Some((row, generation)) = line.split_once(' ') {
                acknowledged[row.parse::<usize>().unwrap()] = generation.parse().unwrap();
            }
            if alive && Instant::now() >= killed_at {
                child.kill().unwrap();
                alive = false;
            }
        }
        child.wait().unwrap();
        assert!(!alive && acknowledged.iter().sum::<u64>() > before, "round {round}: the child did not work");

        let mut store = open(backend, directory.path()).unwrap();
        for (row, generation) in acknowledged.iter_mut().enumerate() {
            let Some(loaded) = store.load(&name(row)).unwrap() else {
                assert_eq!(*generation, 0, "round {round}, row {row}: lost");
                continue;
            };
            let found = loaded.generation;
            assert!(found == *generation || found == *generation + 1, "round {round}, row {row}: {found}");
            assert_eq!(*loaded.record, record(row, found));
            assert_eq!(loaded.quarantine, None);
            *generation = found;
        }
    }
}

fn a_second_process_is_told_who_holds_the_store(backend: &str) {
    let directory = tempfile::tempdir().unwrap();
    let mut child = start(backend, directory.path());
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "open");
    let Err(OpenError::Locked(holder)) = open(backend, directory.path()) else { panic!("not kept out") };
    assert_eq!(holder.pid, child.id());
    assert!(holder.program.starts_with("process_kill"));
    // The first goes on undisturbed.
    assert!(lines.next().unwrap().unwrap().contains(' '));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(open(backend, directory.path()).is_ok());
}
