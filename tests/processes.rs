//! What tests do in processes of their own, by name.

use std::path::Path;
use std::process::Stdio;

use crate::support::kill::{process, started_for};

/// Does what the process was started for. By itself, it sees that a process that nobody knows is none that
/// ends well: otherwise tests whose processes have other names would pass.
#[test]
fn as_a_process_of_its_own() {
    if let Some((name, dir, workers)) = started_for() {
        return run(&name, Path::new(&dir), workers);
    }
    let dir = tempfile::tempdir().unwrap();
    let mut unknown = process("nobody", dir.path(), 1);
    assert!(!unknown.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success());
}

fn run(name: &str, dir: &Path, workers: usize) {
    match name {
        #[cfg(feature = "args")]
        "args::environment" => crate::args::environment(dir, workers),
        "ask_tell::victim" => crate::ask_tell::victim(dir, workers),
        "durability::deaths::victim" => crate::durability::deaths::victim(dir, workers),
        "durability::kill::victim" => crate::durability::kill::victim(dir, workers),
        #[cfg(unix)]
        "durability::signals::parent" => crate::durability::signals::parent(dir, workers),
        #[cfg(unix)]
        "durability::signals::rival" => crate::durability::signals::rival(dir, workers),
        #[cfg(unix)]
        "durability::signals::twins" => crate::durability::signals::twins(dir, workers),
        #[cfg(unix)]
        "durability::signals::victim" => crate::durability::signals::victim(dir, workers),
        "errors::mistakes::printer" => crate::errors::mistakes::printer(dir, workers),
        "function::sweeps::victim" => crate::function::sweeps::victim(dir, workers),
        "function::trouble::leaver" => crate::function::trouble::leaver(dir, workers),
        #[cfg(feature = "interop")]
        "interop::kill::victim" => crate::interop::kill::victim(dir, workers),
        #[cfg(unix)]
        "observe::hostile::sweeper" => crate::observe::hostile::sweeper(dir, workers),
        #[cfg(unix)]
        "observe::last_words::speaker" => crate::observe::last_words::speaker(dir, workers),
        #[cfg(unix)]
        "observe::terminal::talker" => crate::observe::terminal::talker(dir, workers),
        #[cfg(unix)]
        "observe::terminal::wide_sweeper" => crate::observe::terminal::wide_sweeper(dir, workers),
        #[cfg(all(unix, feature = "process"))]
        "process::victim" => crate::process::victim(dir, workers),
        #[cfg(all(unix, feature = "nats"))]
        "remote::curve" => crate::remote::curve(dir, workers),
        #[cfg(all(unix, feature = "nats"))]
        "remote::broken" => crate::remote::broken(dir, workers),
        #[cfg(all(unix, feature = "nats"))]
        "remote::bulky" => crate::remote::bulky(dir, workers),
        #[cfg(all(unix, feature = "nats"))]
        "remote::many" => crate::remote::many(dir, workers),
        #[cfg(all(unix, feature = "nats"))]
        "remote::kind" => crate::remote::kind(dir, workers),
        #[cfg(all(unix, feature = "nats"))]
        "remote::poison" => crate::remote::poison(dir, workers),
        "search::kill::asha" => crate::search::kill::asha(dir, workers),
        "search::kill::hyperband" => crate::search::kill::hyperband(dir, workers),
        "sweep::algorithms::victim" => crate::sweep::algorithms::victim(dir, workers),
        "sweep::pools::adder" => crate::sweep::pools::adder(dir, workers),
        "sweep::pools::nested" => crate::sweep::pools::nested(dir, workers),
        #[cfg(feature = "dfdx")]
        "train::feeding::victim" => crate::train::feeding::victim(dir, workers),
        _ => panic!("there is no process of the name {name}"),
    }
}
