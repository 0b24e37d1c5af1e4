//! Work that may wait for everything else.

use rustix::process::setpriority_process;

/// Niceness of such work: any other on the machine goes first.
const NICE: i32 = 19;

/// Gives the calling thread, and threads that it starts from now on, the lowest priority of the system.
/// A system that forbids this leaves it as it is: previews are dearer then.
pub fn lowest_priority() {
    let _forbidden = setpriority_process(None, NICE);
}
