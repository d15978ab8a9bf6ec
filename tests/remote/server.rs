//! A NATS server for a test, and processes that use it.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::support::kill::process;

/// A server, with a directory of its own.
pub(super) struct Server {
    child: Child,
    dir: tempfile::TempDir,
    port: u16,
    settings: Vec<String>,
}

/// The program, which a script finds or fetches.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/nats-server.sh");
        let output = Command::new(script).stderr(Stdio::inherit()).output().unwrap();
        assert!(output.status.success(), "there is no nats-server");
        PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
    })
}

/// A port that nobody uses at the moment.
pub(super) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Server {
    /// One with JetStream.
    pub(super) fn new() -> Server {
        Server::with(&["-js"])
    }

    /// One with these settings.
    pub(super) fn with(settings: &[&str]) -> Server {
        let (dir, port) = (tempfile::tempdir().unwrap(), free_port());
        let settings: Vec<String> = settings.iter().map(|&setting| setting.to_owned()).collect();
        let child = start(dir.path(), port, &settings);
        Server { child, dir, port, settings }
    }

    pub(super) fn address(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Kills the server, and starts it again on an empty disk.
    pub(super) fn wipe(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let _ = std::fs::remove_dir_all(self.dir.path().join("jetstream"));
        self.child = start(self.dir.path(), self.port, &self.settings);
    }

    /// Kills the server, and starts it again on an empty disk with room for hardly anything.
    pub(super) fn squeeze(&mut self) {
        let config = self.dir.path().join("small.conf");
        std::fs::write(&config, "jetstream { max_file: 4096 }\n").unwrap();
        self.settings = vec!["-c".to_owned(), config.display().to_string()];
        self.wipe();
    }

    /// Asks the server for something of JetStream's, and returns what it says.
    pub(super) fn ask(&self, subject: &str, what: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        write!(stream, "CONNECT {{}}\r\nSUB answer 1\r\nPUB {subject} answer {}\r\n{what}\r\n", what.len())
            .unwrap();
        let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
        lines.find(|line| line.starts_with("MSG ")).unwrap();
        lines.next().unwrap()
    }

    /// A process of tests that uses this server.
    pub(super) fn process(&self, name: &str, dir: &Path, workers: usize, role: &str) -> Command {
        let mut command = process(name, dir, workers);
        command.env("HOBBIT_NATS", self.address()).env("HOBBIT_ROLE", role).env("HOBBIT_WAIT", "30");
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }
}

fn start(dir: &Path, port: u16, settings: &[String]) -> Child {
    let mut command = Command::new(program());
    command.args(["-a", "127.0.0.1", "-p", &port.to_string(), "-sd"]).arg(dir).args(settings);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begin = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(begin.elapsed() < Duration::from_secs(30), "the server does not start");
        std::thread::sleep(Duration::from_millis(20));
    }
    child
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for the end of a process, which fails the test if it does not come.
pub(super) fn end(mut child: Child) -> Output {
    let begin = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begin.elapsed() > Duration::from_secs(120) {
            child.kill().unwrap();
            panic!("the process does not end: {}", said(&child.wait_with_output().unwrap()));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.wait_with_output().unwrap()
}

/// What a process said, without what tests say around it.
pub(super) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
