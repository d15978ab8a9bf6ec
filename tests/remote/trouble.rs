//! What is set up wrongly is told at once, with what to do, and with the right exit code.

use std::path::Path;
use std::process::Output;

use hobbit::Hyperband;
use hobbit::remote::{Nats, Role};

use super::server::{Server, end, free_port, said};
use crate::support::Curve;

fn run(nats: Nats, dir: &Path) -> String {
    let study = Hyperband::of(Curve::default()).quiet().repo_dir(dir);
    study.nats(nats).run(3, 3).err().unwrap().to_string()
}

#[test]
fn servers_that_cannot_be_used_are_told_of() {
    let dir = tempfile::tempdir().unwrap();
    let there = |nats: Nats| run(nats.role(Role::Coordinator), dir.path());
    let wait = std::time::Duration::from_millis(100);
    let nobody = format!("nats://127.0.0.1:{}", free_port());
    let error = there(Nats::at(nobody).wait(wait));
    assert!(error.contains("is it started, as with `nats-server -js`"), "{error}");
    let closed = Server::with(&["-js", "--auth", "open"]);
    for nats in [Nats::at(closed.address()), Nats::at(closed.address()).token("hidden")] {
        let error = there(nats);
        assert!(error.contains("HOBBIT_NATS_TOKEN") && !error.contains("hidden"), "{error}");
    }
    let plain = Server::with(&[]);
    let error = there(Nats::at(plain.address()));
    assert!(error.contains("start it with `-js`"), "{error}");
    let error = there(Nats::at("nats://[::1"));
    assert!(error.contains("the address has to be like nats://head:4222"), "{error}");
    let error = there(Nats::at(plain.address()).study("a study"));
    assert!(error.contains("HOBBIT_STUDY) is `a study`"), "{error}");
    let error = there(Nats::at(plain.address()).ca("/nowhere"));
    assert!(error.contains("there is no file of certificates /nowhere"), "{error}");
    // nothing was begun
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_repository_is_needed() {
    let study = Hyperband::of(Curve::default()).quiet().nats(Nats::at("nats://nowhere"));
    let error = study.run(3, 3).err().unwrap().to_string();
    assert!(error.contains("needs a `repo_dir`"), "{error}");
}

fn ends(name: &str, server: &Server, role: &str) -> Output {
    let dir = tempfile::tempdir().unwrap();
    end(server.process(name, dir.path(), 1, role).spawn().unwrap())
}

#[test]
fn another_study_and_a_second_coordinator_are_told_who_leads() {
    let server = Server::new();
    let there = tempfile::tempdir().unwrap();
    let mut first = server.process("remote::curve", there.path(), 1, "coordinator").spawn().unwrap();
    let worker = ends("remote::poison", &server, "worker");
    assert_eq!(worker.status.code(), Some(3), "{}", said(&worker));
    let text = said(&worker);
    assert!(text.contains("has another study") && text.contains("R is 9, but 27"), "{text}");
    let second = ends("remote::curve", &server, "coordinator");
    let text = said(&second);
    assert!(!second.status.success() && text.contains("runs a sweep with this name"), "{text}");
    assert!(first.try_wait().unwrap().is_none(), "the first one goes on");
    first.kill().unwrap();
    first.wait().unwrap();
}

#[test]
fn workers_without_a_coordinator_give_up() {
    let server = Server::new();
    let dir = tempfile::tempdir().unwrap();
    let mut alone = server.process("remote::curve", dir.path(), 1, "worker");
    let alone = end(alone.env("HOBBIT_WAIT", "1").spawn().unwrap());
    assert_eq!(alone.status.code(), Some(4), "{}", said(&alone));
    assert!(said(&alone).contains("no coordinator of the study `study` has come"), "{}", said(&alone));
}
