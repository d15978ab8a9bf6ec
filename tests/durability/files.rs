//! A study's directory beside files of the user's, made by somebody else, or tampered with while a sweep
//! runs.

use std::path::Path;
use std::time::Duration;

use hobbit::repository::Reader;
use hobbit::{Event, Hyperband, salvage};

use crate::errors::files;
use crate::support::Curve;

fn study(dir: &Path) -> Hyperband<Curve> {
    Hyperband::of(Curve::default()).quiet().seed(3).workers(1).repo_dir(dir)
}

fn run(dir: &Path) -> Result<(), String> {
    study(dir).run(3, 3).map(drop).map_err(|error| error.to_string())
}

/// The error of a run.
#[track_caller]
fn refused(dir: &Path, parts: &[&str]) {
    let error = run(dir).unwrap_err();
    for part in parts {
        assert!(error.contains(part), "{part:?} is not in {error:?}");
    }
}

#[test]
fn files_of_the_user_are_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let names =
        ["notes.tmp", "config.ron", "results.ron.bak", "weights/pretrained.tmp", "weights/best.safetensors"];
    std::fs::create_dir_all(dir.path().join("cache.tmp/inner")).unwrap();
    std::fs::create_dir_all(dir.path().join("weights/cache.tmp")).unwrap();
    for name in names {
        std::fs::write(dir.path().join(name), "precious").unwrap();
    }
    // a new study, and one that is continued
    for _ in 0..2 {
        run(dir.path()).unwrap();
        for name in names {
            assert_eq!(std::fs::read_to_string(dir.path().join(name)).unwrap(), "precious", "{name}");
        }
        assert!(dir.path().join("cache.tmp/inner").is_dir() && dir.path().join("weights/cache.tmp").is_dir());
    }
    // what hobbit itself had begun to write is cleared away
    let begun = ["study.ron.tmp", "results.ron.tmp", "weights/1-1.safetensors.tmp"];
    for name in begun {
        std::fs::write(dir.path().join(name), "half").unwrap();
    }
    run(dir.path()).unwrap();
    assert!(begun.iter().all(|name| !dir.path().join(name).exists()));
}

#[test]
fn an_open_that_fails_leaves_nothing_behind() {
    let place = tempfile::tempdir().unwrap();
    for (name, parts) in [
        ("lock", ["lock", "not a file of hobbit's"]),
        ("results.ron", ["results.ron", "choose another directory"]),
        ("journal.ron", ["journal.ron", "choose another directory"]),
        ("weights/1-1.safetensors", ["weights/1-1.safetensors", "choose another directory"]),
        ("study.ron", ["study.ron:1:", ""]),
    ] {
        let dir = place.path().join(name.replace('/', "-"));
        std::fs::create_dir_all(dir.join(name).parent().unwrap()).unwrap();
        // as long as it is not empty it is somebody's
        std::fs::write(dir.join(name), if name == "journal.ron" { "" } else { "precious" }).unwrap();
        let entries = |dir: &Path| std::fs::read_dir(dir).unwrap().count();
        let before = (files(&dir), entries(&dir));
        refused(&dir, &parts);
        assert_eq!((files(&dir), entries(&dir)), before, "{name}");
    }
    // of a study that is refused
    let dir = place.path().join("study");
    run(&dir).unwrap();
    std::fs::remove_file(dir.join("lock")).unwrap();
    let before = files(&dir);
    assert!(study(&dir).seed(4).run(3, 3).is_err());
    assert!(files(&dir) == before && !dir.join("lock").exists());
    // directories that were made for nothing
    let deep = place.path().join("deep");
    std::fs::write(place.path().join("file"), "").unwrap();
    assert!(run(&place.path().join("file/in/it")).is_err());
    assert!(study(&deep.join("er")).run(3, 3).is_ok());
    let error = Hyperband::of(Curve::default()).quiet().repo_dir("").run(3, 3).unwrap_err().to_string();
    assert!(error.contains("`repo_dir` is an empty text"), "{error}");
    assert!(Reader::open("").unwrap_err().to_string().contains("empty text"));
    assert!(salvage("").unwrap_err().to_string().contains("empty text"));
}

/// Each name that is written is a link to a file of the user's, in a directory that somebody else made.
#[cfg(unix)]
#[test]
fn no_link_makes_hobbit_write_elsewhere() {
    use std::os::unix::fs::symlink;
    let whole = tempfile::tempdir().unwrap();
    run(whole.path()).unwrap();
    let results = std::fs::read(whole.path().join("results.ron")).unwrap();
    for is_there in [true, false] {
        for name in [
            "study.ron.tmp",
            "results.ron.tmp",
            "results.ron",
            "journal.ron.tmp",
            "journal.ron.damaged.tmp",
            "journal.ron.damaged",
            "journal.ron",
            "lock",
            "lock.owner",
            "weights/1-1.safetensors",
            "weights/1-1.safetensors.tmp",
            "weights",
        ] {
            for is_new in [true, false] {
                let place = tempfile::tempdir().unwrap();
                let (dir, mine) = (place.path().join("study"), place.path().join("mine"));
                std::fs::create_dir_all(dir.join("weights")).unwrap();
                if !is_new {
                    run(&dir).unwrap();
                }
                let link = dir.join(name);
                if name == "weights" {
                    std::fs::remove_dir_all(&link).unwrap();
                    std::fs::create_dir(&mine).unwrap();
                    std::fs::write(mine.join("1-1.safetensors.tmp"), "mine").unwrap();
                    std::fs::write(mine.join("2-1.safetensors"), "mine").unwrap();
                } else {
                    let _ = std::fs::remove_file(&link);
                    if is_there {
                        std::fs::write(&mine, "mine").unwrap();
                    }
                }
                symlink(&mine, &link).unwrap();
                let before = if mine.is_dir() { files(&mine) } else { Default::default() };
                let first = run(&dir);
                // the journal is damaged, and salvaged
                let journal = dir.join("journal.ron");
                if name != "journal.ron" && journal.exists() {
                    let text = std::fs::read_to_string(&journal).unwrap();
                    std::fs::write(&journal, text.replacen("worker:0", "worker:9", 1)).unwrap();
                    let _ = salvage(&dir);
                }
                let second = run(&dir);
                let case = format!("{name}, there: {is_there}, new: {is_new}: {first:?}, {second:?}");
                if name == "weights" {
                    assert!(files(&mine) == before, "{case}");
                    assert!(first.unwrap_err().contains("weights is a symbolic link"));
                } else if is_there {
                    assert_eq!(std::fs::read_to_string(&mine).unwrap(), "mine", "{case}");
                } else {
                    assert!(!mine.exists(), "{case}");
                }
                // a link to nothing in the place of a journal is no journal
                if second.is_ok() {
                    assert!(std::fs::read(dir.join("results.ron")).unwrap() == results, "{case}");
                }
            }
        }
    }
    // the whole directory may be elsewhere, if the user says so
    let place = tempfile::tempdir().unwrap();
    std::fs::create_dir(place.path().join("disk")).unwrap();
    symlink(place.path().join("disk"), place.path().join("study")).unwrap();
    run(&place.path().join("study")).unwrap();
    assert!(std::fs::read(place.path().join("disk/results.ron")).unwrap() == results);
}

/// Pipes and devices in the place of files: nobody waits for them, or reads them to an end that they do not
/// have.
#[cfg(unix)]
#[test]
fn pipes_and_devices_are_no_files() {
    let (ended, end) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for name in ["study.ron", "journal.ron", "results.ron", "lock", "weights/2-1.safetensors"] {
            for device in [None, Some("/dev/zero")] {
                let place = tempfile::tempdir().unwrap();
                run(place.path()).unwrap();
                let best = study(place.path()).run(3, 3).unwrap().best().id;
                let path = match name.strip_prefix("weights/") {
                    Some(_) => Reader::open(place.path()).unwrap().model_path(best),
                    None => place.path().join(name),
                };
                std::fs::remove_file(&path).unwrap();
                match device {
                    None => {
                        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success())
                    }
                    Some(device) => std::os::unix::fs::symlink(device, &path).unwrap(),
                }
                let again = study(place.path()).run(3, 3);
                match name {
                    "weights/2-1.safetensors" => {
                        let error = again.unwrap().best_model().err().unwrap().to_string();
                        assert!(error.contains("not a regular file"), "{error}");
                    }
                    _ => assert!(again.unwrap_err().to_string().contains(name), "{name}"),
                }
                let _ = salvage(place.path());
                let Ok(reader) = Reader::open(place.path()) else { continue };
                let _ = (reader.overview(), reader.verify(), reader.best::<crate::support::Params>());
            }
        }
        ended.send(()).unwrap();
    });
    end.recv_timeout(Duration::from_secs(60)).expect("somebody waits for a pipe, or reads without an end");
}

#[test]
fn what_happens_to_the_files_under_a_sweep_ends_it_with_an_error() {
    type Tamper = fn(&Path);
    let cases: [(&str, &[&str], Tamper); 7] = [
        ("journal.ron", &["was removed while"], |path| std::fs::remove_file(path).unwrap()),
        ("journal.ron", &["was replaced"], |path| {
            let other = path.with_extension("other");
            std::fs::copy(path, &other).unwrap();
            std::fs::rename(other, path).unwrap();
        }),
        ("journal.ron", &["was cut off"], |path| std::fs::write(path, "").unwrap()),
        ("journal.ron", &["was written to by somebody else"], |path| {
            let text = std::fs::read_to_string(path).unwrap();
            std::fs::write(path, text.clone() + text.lines().next().unwrap() + "\n").unwrap();
        }),
        ("study.ron", &["was removed while"], |path| std::fs::remove_file(path).unwrap()),
        ("study.ron", &["was changed"], |path| std::fs::write(path, "()").unwrap()),
        ("lock", &["removed or replaced"], |path| std::fs::remove_file(path).unwrap()),
    ];
    for (name, parts, tamper) in cases {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        let tampered = path.clone();
        let mut ended = 0;
        let observer = move |event: &Event| {
            if let Event::StageEnded { .. } = event {
                ended += 1;
                if ended == 3 {
                    tamper(&tampered);
                }
            }
        };
        let curve = Curve { pace: Duration::from_millis(1), ..Curve::default() };
        let sweep = Hyperband::of(curve).quiet().seed(3).workers(1).repo_dir(dir.path());
        let error = sweep.observe(observer).run(3, 3).unwrap_err().to_string();
        for part in parts.iter().chain(&[name]) {
            assert!(error.contains(part), "{name}: {error}");
        }
        assert!(!dir.path().join("results.ron").exists(), "{name}");
    }
    // a file that was put back as it was is the same file
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("study.ron");
    let observer = move |event: &Event| {
        if let Event::StageEnded { .. } = event {
            let text = std::fs::read(&path).unwrap();
            std::fs::remove_file(&path).unwrap();
            std::fs::write(&path, text).unwrap();
        }
    };
    study(dir.path()).observe(observer).run(3, 3).unwrap();
}

#[test]
fn a_salvage_that_was_killed_can_be_repeated() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path()).unwrap();
    let results = std::fs::read(dir.path().join("results.ron")).unwrap();
    let (journal, aside) = (dir.path().join("journal.ron"), dir.path().join("journal.ron.damaged"));
    let text = std::fs::read_to_string(&journal).unwrap().replacen("trial:\"1-2\"", "trial:\"1-9\"", 1);
    std::fs::write(&journal, &text).unwrap();
    // killed after the damaged journal was put aside, and while the new one was written
    std::fs::copy(&journal, &aside).unwrap();
    std::fs::write(dir.path().join("journal.ron.tmp"), "half").unwrap();
    assert!(salvage(dir.path()).unwrap() > 0);
    assert_eq!(std::fs::read_to_string(&aside).unwrap(), text);
    run(dir.path()).unwrap();
    assert!(std::fs::read(dir.path().join("results.ron")).unwrap() == results);
    // another damaged journal does not take the place of the first
    std::fs::write(&journal, text.replacen("trial:\"1-3\"", "trial:\"1-8\"", 1)).unwrap();
    assert!(salvage(dir.path()).unwrap_err().to_string().contains("move it away"));
    assert_eq!(std::fs::read_to_string(&aside).unwrap(), text);
}
