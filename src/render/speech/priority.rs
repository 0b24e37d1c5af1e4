//! Work that steps back for the rest of the gateway.

use rustix::process::setpriority_process;

/// Niceness of previews: any other work on the machine goes first.
const LOWEST: i32 = 19;
/// Niceness of the neural voice: it may use every core that is idle, and the gateway's own threads get
/// theirs at once when they want it.
const BEHIND: i32 = 10;

/// Gives the calling thread, and threads that it starts from now on, the lowest priority of the system.
/// A system that forbids this leaves it as it is: previews are dearer then.
pub fn lowest_priority() {
    let _forbidden = setpriority_process(None, LOWEST);
}

/// The same with a priority just behind the gateway's own threads.
pub(super) fn behind_the_gateway() {
    let _forbidden = setpriority_process(None, BEHIND);
}
