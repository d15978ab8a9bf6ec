//! Terminals for processes that tests start.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, ExitStatus};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// Runs a command on a terminal of its own, of so many rows and columns if that matters. `seen` is given each
/// piece of what is written to the terminal.
pub(crate) fn run(mut command: Command, size: Option<(u16, u16)>, mut seen: impl FnMut(&[u8])) -> ExitStatus {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    if let Some((ws_row, ws_col)) = size {
        tcsetwinsize(&ours, Winsize { ws_row, ws_col, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
    }
    let name = ptsname(&ours, Vec::new()).unwrap();
    let path = Path::new(std::ffi::OsStr::from_bytes(name.as_bytes()));
    let theirs = || OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut running = command.stdin(theirs()).stdout(theirs()).stderr(theirs()).spawn().unwrap();
    // the command holds the terminal open too
    drop(command);
    let (mut ours, mut bytes) = (File::from(ours), [0; 4096]);
    // reading fails when nobody has the terminal open any more
    while let Ok(read) = ours.read(&mut bytes) {
        seen(&bytes[..read]);
    }
    running.wait().unwrap()
}

/// As [`run`], with everything that is written to the terminal as one text.
pub(crate) fn output(command: Command) -> (ExitStatus, String) {
    let mut text = Vec::new();
    let status = run(command, None, |bytes| text.extend_from_slice(bytes));
    (status, String::from_utf8_lossy(&text).into_owned())
}
