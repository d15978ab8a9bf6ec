//! A process under way: what it is told, what it answers, and how it ends.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Settings;
use super::protocol::{Answer, answer};
use crate::error::BoxError;
use crate::objective::Interrupted;

/// How often somebody who waits looks whether it has to stop.
const LOOK: Duration = Duration::from_millis(10);
/// How often nothing is to be read before a process that has ended is known to have said all.
const SILENCE: u32 = 20;
/// How long the last words of a process may take.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// The lines of messages that are kept, and the characters of each.
const KEPT: (usize, usize) = (20, 500);
/// A line that is longer is not an answer.
const LONGEST: u64 = 1 << 20;

/// What linear algebra reads the number of its threads from.
const THREADS: [&str; 5] = [
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
];

/// A process, killed with its group when this is dropped.
pub(super) struct Child {
    process: std::process::Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    messages: Messages,
    /// Nothing comes any more when standard error is at its end.
    errors: Receiver<String>,
    /// It has ended as it should.
    has_ended: bool,
}

impl Child {
    pub(super) fn start(settings: &Settings) -> Result<Child, BoxError> {
        let (program, arguments) = settings.command.split_first().ok_or("there is no command to run")?;
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        for name in THREADS.into_iter().filter(|name| std::env::var_os(name).is_none()) {
            command.env(name, "1");
        }
        // a program that prints instead of writing would keep its answers to itself
        command.env("PYTHONUNBUFFERED", "1").envs(&settings.env);
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let cannot = |error| format!("could not start `{}`: {error}", program.to_string_lossy());
        let mut process = command.spawn().map_err(cannot)?;
        let input = process.stdin.take();
        let ((send_line, lines), (send_error, errors)) = (channel(), channel());
        let streams = (process.stdout.take(), process.stderr.take());
        let child = Child { process, input, lines, messages: Messages::default(), errors, has_ended: false };
        // from here on it is killed if something is wrong
        let (Some(output), Some(error_output)) = streams else {
            return Err("the process has no pipes".into());
        };
        let messages = child.messages.clone();
        read("hobbit-output", output, send_line, None)?;
        read("hobbit-errors", error_output, send_error, Some(messages))?;
        Ok(child)
    }

    /// Writes a line. That nobody reads it is found out when there is no answer.
    pub(super) fn tell(&mut self, line: &Value) {
        if let Some(input) = &mut self.input {
            let _ = writeln!(input, "{line}").and_then(|()| input.flush());
        }
    }

    /// Waits for the answer of an epoch.
    ///
    /// # Errors
    /// There is none, or the trial has to stop.
    pub(super) fn answer(
        &mut self,
        epoch: u64,
        check: impl Fn() -> Result<(), Interrupted>,
    ) -> Result<Answer, BoxError> {
        let mut silent = 0;
        loop {
            match self.lines.recv_timeout(LOOK) {
                Ok(line) => match answer(&line)? {
                    Some(answer) => return Ok(answer),
                    None => self.messages.add(&line),
                },
                Err(RecvTimeoutError::Timeout) => {
                    check()?;
                    // its own children may keep its output open; what it has written is read meanwhile
                    match self.wait(Duration::ZERO) {
                        Some(status) if silent > SILENCE => return Err(self.ended(Some(status), epoch)),
                        Some(_) => silent += 1,
                        None => {}
                    }
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let status = self.wait(LAST_WORDS);
                    return Err(self.ended(status, epoch));
                }
            }
        }
    }

    /// Lets the process end.
    ///
    /// # Errors
    /// It says that something went wrong.
    pub(super) fn end(mut self, patience: Duration) -> Result<(), BoxError> {
        self.input = None;
        match self.wait(patience) {
            Some(status) if status.success() => {
                self.has_ended = true;
                Ok(())
            }
            Some(status) => {
                let _ = self.errors.recv_timeout(LAST_WORDS);
                Err(format!("the process ended with {status} after its last epoch{}", self.messages).into())
            }
            None => Ok(()),
        }
    }

    /// Waits for its end; not for longer than this.
    fn wait(&mut self, patience: Duration) -> Option<ExitStatus> {
        let begin = Instant::now();
        loop {
            match self.process.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if begin.elapsed() < patience => std::thread::sleep(LOOK / 5),
                _ => return None,
            }
        }
    }

    /// The reason of a trial whose process has ended within an epoch.
    fn ended(&self, status: Option<ExitStatus>, epoch: u64) -> BoxError {
        let how =
            status.map_or_else(|| "closed its output".to_owned(), |status| format!("ended with {status}"));
        // what it said last may still be on its way
        let _ = self.errors.recv_timeout(LAST_WORDS);
        format!("the process {how} in epoch {epoch}, without an answer{}", self.messages).into()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.has_ended {
            #[cfg(unix)]
            let _ = rustix::process::kill_process_group(
                rustix::process::Pid::from_child(&self.process),
                rustix::process::Signal::KILL,
            );
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
    }
}

/// The last lines that a process wrote for people.
#[derive(Clone, Default)]
struct Messages(Arc<Mutex<VecDeque<String>>>);

impl Messages {
    fn add(&self, line: &str) {
        let line = line.trim_end();
        if !line.is_empty() {
            let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            lines.push_back(line.chars().take(KEPT.1).collect());
            if lines.len() > KEPT.0 {
                lines.pop_front();
            }
        }
    }
}

impl std::fmt::Display for Messages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match lines.is_empty() {
            true => f.write_str("; it said nothing"),
            false => write!(f, "; it said last:\n{}", Vec::from_iter(lines.iter().cloned()).join("\n")),
        }
    }
}

/// Reads lines on a thread of its own: into messages, or to whoever waits for them.
fn read(
    name: &str,
    stream: impl Read + Send + 'static,
    lines: Sender<String>,
    messages: Option<Messages>,
) -> Result<(), BoxError> {
    let mut stream = BufReader::new(stream);
    let code = move || {
        let mut line = Vec::new();
        while stream.by_ref().take(LONGEST).read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
            let text = String::from_utf8_lossy(&line);
            match &messages {
                Some(messages) => messages.add(&text),
                None if lines.send(text.into_owned()).is_err() => break,
                None => {}
            }
            line.clear();
        }
    };
    std::thread::Builder::new().name(name.to_owned()).spawn(code)?;
    Ok(())
}
