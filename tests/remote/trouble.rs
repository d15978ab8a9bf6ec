//! What is set up wrongly is told at once, with what to do, and with the right exit code.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Output};
use std::time::{Duration, Instant};

use hobbit::Hyperband;
use hobbit::remote::{Nats, Role, remove, studies};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use super::server::{Server, end, free_port, said};
use crate::support::Curve;

fn run(nats: Nats, dir: &Path) -> hobbit::Error {
    let study = Hyperband::of(Curve::default()).quiet().repo_dir(dir);
    study.nats(nats).run(3, 3).err().unwrap()
}

/// What a coordinator says that cannot use its server: without one, a sweep over many machines ends with a
/// code of its own.
fn told(nats: Nats, dir: &Path) -> String {
    let begin = Instant::now();
    let error = run(nats.role(Role::Coordinator), dir);
    assert!(begin.elapsed() < Duration::from_secs(30), "it waits: {error}");
    assert_eq!(error.exit_code(), ExitCode::from(4), "{error}");
    error.to_string()
}

/// Certificates that nothing else trusts: of two authorities, and of a server that the first one vouches for,
/// with its key.
fn certificates(dir: &Path) -> [PathBuf; 4] {
    let authority = |name: &str| {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    };
    let (authority, other) = (authority("one for tests"), authority("another one"));
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    let server = params.signed_by(&key, &authority).unwrap();
    let files = [
        ("ca.pem", authority.pem()),
        ("other.pem", other.pem()),
        ("server.pem", server.pem()),
        ("server.key", key.serialize_pem()),
    ];
    files.map(|(name, text)| {
        let path = dir.join(name);
        std::fs::write(&path, text).unwrap();
        path
    })
}

/// Something that says it is a NATS server of a version long ago, for one connection. Returns its address.
fn old_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("nats://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let info = "INFO {\"server_id\":\"old\",\"version\":\"2.9.10\",\"max_payload\":1048576,\"headers\":true}\r\n";
        stream.write_all(info.as_bytes()).unwrap();
        let mut bytes = [0; 4096];
        while let Ok(1..) = stream.read(&mut bytes) {
            if stream.write_all(b"PONG\r\n").is_err() {
                break;
            }
        }
    });
    address
}

#[test]
fn servers_that_cannot_be_used_are_told_of() {
    let dir = tempfile::tempdir().unwrap();
    let there = |nats: Nats| told(nats, dir.path());
    let wait = Duration::from_millis(100);
    let nobody = format!("nats://127.0.0.1:{}", free_port());
    let error = there(Nats::at(nobody).wait(wait));
    assert!(error.contains("is it running, as with `nats-server -js`"), "{error}");
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
    let error = there(Nats::at(old_server()));
    assert!(error.contains("of version 2.9.10, which is too old: 2.10.23 or later"), "{error}");
    let error = run(Nats::at(plain.address()).study("a study"), dir.path());
    assert_eq!(error.exit_code(), ExitCode::from(1), "it is no server's fault");
    let error = error.to_string();
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

#[test]
fn keys_and_certificates_that_do_not_fit_are_told_of() {
    let dir = tempfile::tempdir().unwrap();
    let there = |nats: Nats| told(nats, dir.path());
    let files = tempfile::tempdir().unwrap();
    let settings = files.path().join("nats.conf");
    let (known, stranger) = (nkeys::KeyPair::new_user(), nkeys::KeyPair::new_user());
    let key = known.public_key();
    std::fs::write(&settings, format!("jetstream: {{}}\nauthorization {{ users: [ {{ nkey: {key} }} ] }}\n"))
        .unwrap();
    let closed = Server::with(&["-js", "-c", settings.to_str().unwrap()]);
    let seed = stranger.seed().unwrap();
    let error = there(Nats::at(closed.address()).nkey(&seed));
    assert!(error.contains("HOBBIT_NATS_NKEY") && !error.contains(&seed), "{error}");
    assert_eq!(studies(&Nats::at(closed.address()).nkey(known.seed().unwrap())).unwrap(), []);
    let [ca, other, public, private] = certificates(files.path());
    let (public, private) = (public.to_str().unwrap(), private.to_str().unwrap());
    let tls = Server::with(&["-js", "--tls", "--tlscert", public, "--tlskey", private]);
    let address = tls.address().replace("nats://", "tls://");
    for nats in [Nats::at(&address), Nats::at(&address).ca(other)] {
        let error = there(nats);
        assert!(error.contains("HOBBIT_NATS_CA"), "{error}");
    }
    assert_eq!(studies(&Nats::at(&address).ca(ca)).unwrap(), []);
    let plain = Server::new();
    let error = there(Nats::at(plain.address().replace("nats://", "tls://")));
    assert!(error.contains("tls://head:4222") || error.contains("HOBBIT_NATS_CA"), "{error}");
}

#[test]
fn what_a_study_left_on_a_server_can_be_removed() {
    let server = Server::new();
    let nats = || Nats::at(server.address());
    let there = tempfile::tempdir().unwrap();
    let mut coordinator = server.process("remote::curve", there.path(), 1, "coordinator").spawn().unwrap();
    let known = || studies(&nats()).unwrap();
    let begin = Instant::now();
    while known().is_empty() || known()[0].coordinator.is_none() {
        assert!(begin.elapsed() < Duration::from_secs(60), "nobody runs it: {:?}", known());
        std::thread::sleep(Duration::from_millis(20));
    }
    let pid = coordinator.id().to_string();
    assert!(known()[0].name == "study" && known()[0].coordinator.as_ref().unwrap().contains(&pid));
    coordinator.kill().unwrap();
    coordinator.wait().unwrap();
    while known()[0].coordinator.is_some() {
        assert!(begin.elapsed() < Duration::from_secs(60), "its key stays");
        std::thread::sleep(Duration::from_millis(100));
    }
    remove(&nats(), "another").unwrap();
    assert_eq!(known().len(), 1);
    remove(&nats(), "study").unwrap();
    assert_eq!(known(), []);
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
    assert!(text.contains("has a different study") && text.contains("R is 9, but 27"), "{text}");
    let second = ends("remote::curve", &server, "coordinator");
    let text = said(&second);
    assert!(!second.status.success() && text.contains("runs a sweep with this name"), "{text}");
    assert!(first.try_wait().unwrap().is_none(), "the first one goes on");
    first.kill().unwrap();
    first.wait().unwrap();
}

#[test]
fn a_directory_that_is_not_shared_is_told_of() {
    let server = Server::new();
    let there = tempfile::tempdir().unwrap();
    let start = |role: &str| {
        let mut process = server.process("remote::curve", there.path(), 1, role);
        process.env("HOBBIT_CHECKPOINTS", "shared").spawn().unwrap()
    };
    let mut coordinator = start("coordinator");
    let beacon = there.path().join("weights/incoming/beacon");
    let begin = Instant::now();
    while !beacon.exists() {
        assert!(begin.elapsed() < Duration::from_secs(60), "there is no beacon");
        std::thread::sleep(Duration::from_millis(20));
    }
    // another machine has something else mounted there
    std::fs::rename(there.path().join("weights"), there.path().join("elsewhere")).unwrap();
    let worker = end(start("worker"));
    assert_eq!(worker.status.code(), Some(3), "{}", said(&worker));
    let text = said(&worker);
    assert!(text.contains("does not see that of") && text.contains("mount it at"), "{text}");
    assert!(!text.contains("  "), "{text}");
    coordinator.kill().unwrap();
    coordinator.wait().unwrap();
}

#[test]
fn workers_of_another_build_or_with_other_vectors_are_told() {
    let server = Server::new();
    let there = tempfile::tempdir().unwrap();
    let coordinator = server.process("remote::kind", there.path(), 1, "coordinator").spawn().unwrap();
    let mut other = server.process("remote::kind", there.path(), 1, "worker");
    let worker = end(other.env("HOBBIT_TEST_KIND", "other vectors").spawn().unwrap());
    assert_eq!(worker.status.code(), Some(3), "{}", said(&worker));
    let text = said(&worker);
    assert!(text.contains("is other vectors here, and these vectors at"), "{text}");
    assert!(text.contains("allow_mixed_hardware"), "{text}");
    // the same program, with a byte behind its end
    let mut program = server.process("remote::kind", there.path(), 1, "worker");
    let copy = there.path().join("program");
    std::fs::copy(program.get_program(), &copy).unwrap();
    std::fs::OpenOptions::new().append(true).open(&copy).unwrap().write_all(b"\n").unwrap();
    let mut changed = std::process::Command::new(&copy);
    changed.args(program.get_args());
    for (name, value) in program.get_envs() {
        changed.env(name, value.unwrap_or_default());
    }
    changed.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::piped());
    let worker = end(changed.spawn().unwrap());
    assert_eq!(worker.status.code(), Some(3), "{}", said(&worker));
    assert!(said(&worker).contains("allow_other_builds"), "{}", said(&worker));
    let program = end(program.env("HOBBIT_TEST_KIND", "these vectors").spawn().unwrap());
    assert_eq!(program.status.code(), Some(0), "{}", said(&program));
    assert!(end(coordinator).status.success());
}

#[test]
fn workers_of_a_sweep_that_ends_with_an_error_are_told() {
    let server = Server::new();
    let there = tempfile::tempdir().unwrap();
    let start = |role| server.process("remote::broken", there.path(), 2, role).spawn().unwrap();
    let workers = [start("worker"), start("worker")];
    let coordinator = end(start("coordinator"));
    assert_eq!(coordinator.status.code(), Some(1));
    assert!(said(&coordinator).contains("there is no data"), "{}", said(&coordinator));
    for worker in workers {
        let worker = end(worker);
        // not 0: whoever starts workers again should do so
        assert_eq!(worker.status.code(), Some(4), "{}", said(&worker));
        assert!(said(&worker).contains("was ended by an error"), "{}", said(&worker));
    }
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
