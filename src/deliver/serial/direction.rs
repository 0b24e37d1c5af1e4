//! Who turns an RS-485 line from listening to talking.

use serial2::rs4xx::{Rs485Config, TransceiverMode};
use serial2::{KeepSettings, SerialPort};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::time::Duration;

/// Who turns an RS-485 line from listening to talking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub enum Direction {
    /// The adapter itself.
    Automatic,
    /// RTS: high while we talk.
    Rts,
    /// The kernel's driver of the port, told by us (`TIOCSRS485`).
    Kernel {
        /// From talking begun to the first byte, milliseconds.
        before_ms: u8,
        /// From the last byte to listening, milliseconds.
        after_ms: u8,
    },
}

/// Tells the kernel's driver of the port to turn the line. The mode belongs to the port and stays
/// while what is given back is open; the port is opened for us alone after that.
///
/// # Errors
/// What is wrong, and what to do.
pub(super) fn told_kernel(path: &str, before_ms: u8, after_ms: u8) -> Result<SerialPort, String> {
    let port = SerialPort::open(path, KeepSettings).map_err(|fault| fault.to_string())?;
    // A port that another process runs keeps its mode; its lock is looked at, and not kept, because
    // the port is locked by whoever opens it for good.
    let file = File::from(OwnedFd::from(port));
    file.try_lock().map_err(|fault| format!("another process has the port: {fault}"))?;
    file.unlock().map_err(|fault| fault.to_string())?;
    let port = SerialPort::from(OwnedFd::from(file));
    let mut wanted = Rs485Config::new();
    wanted.set_delay_before_send(Duration::from_millis(before_ms.into()));
    wanted.set_delay_after_send(Duration::from_millis(after_ms.into()));
    let none = |got: String| {
        format!(
            "expected a port whose driver turns the line (TIOCSRS485), got \"{got}\"; set direction = \
             \"automatic\" when the adapter turns it by itself, or \"rts\" when RTS does"
        )
    };
    port.set_rs4xx_mode(wanted.clone()).map_err(|fault| none(fault.to_string()))?;
    // A driver takes what it can and says nothing of the rest.
    match port.get_rs4xx_mode().map_err(|fault| none(fault.to_string()))? {
        TransceiverMode::Rs485(got) => {
            let delays = |of: &Rs485Config| (of.get_delay_before_send(), of.get_delay_after_send());
            if delays(&got) != delays(&wanted) {
                let (got, wanted) = (delays(&got), delays(&wanted));
                tracing::warn!(path, ?wanted, ?got, "the port's driver has other delays");
            }
            Ok(port)
        }
        other @ (TransceiverMode::Default | TransceiverMode::Rs422) => {
            Err(none(format!("{other:?}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_whose_driver_turns_nothing_is_refused_with_what_to_do() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _entered = runtime.enter();
        let (_master, slave) = tokio_serial::SerialStream::pair().unwrap();
        let path = tokio_serial::SerialPort::name(&slave).unwrap();
        drop(slave);
        let fault = told_kernel(&path, 1, 0).unwrap_err();
        for said in ["TIOCSRS485", "direction = \"automatic\"", "\"rts\""] {
            assert!(fault.contains(said), "{said}: {fault}");
        }
        let fault = told_kernel("/dev/there-is-no-such-port", 1, 0).unwrap_err();
        assert!(fault.contains("No such file"), "{fault}");
    }

    #[test]
    fn a_port_that_another_process_runs_keeps_its_mode() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _entered = runtime.enter();
        let (_master, slave) = tokio_serial::SerialStream::pair().unwrap();
        let path = tokio_serial::SerialPort::name(&slave).unwrap();
        drop(slave);
        let other = File::options().read(true).write(true).open(&path).unwrap();
        other.try_lock().unwrap();
        let fault = told_kernel(&path, 1, 0).unwrap_err();
        assert!(fault.contains("another process has the port"), "{fault}");
    }
}
