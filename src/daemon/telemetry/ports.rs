//! Stations on a serial line: a radio, or a cable. The port is opened for us alone, and again when it
//! goes away or says nothing but rubbish.

use super::talk::{Terms, converse};
use super::{Asking, LineState, Telemetry, seats::Seat};
use crate::clock;
use crate::config::StationLine;
use crate::daemon::serve::stopped;
use std::time::Duration;
use tokio::sync::watch;
use tokio_serial::{ClearBuffer, SerialPort, SerialPortBuilderExt, SerialStream};

/// First and longest wait before a port is opened again, seconds. It grows until a telegram is taken:
/// a line of noise fills no record.
const REOPEN_WAIT_S: (u64, u64) = (1, 30);

/// Runs a line until the daemon stops.
pub(in crate::daemon) async fn run(
    line: StationLine,
    telemetry: Telemetry,
    asking: Asking,
    mut stop: watch::Receiver<bool>,
) {
    let mut wait_s = REOPEN_WAIT_S.0;
    let seen = telemetry.desk.telemetry();
    loop {
        match open(&line) {
            Ok(stream) => {
                seen.line(&line.port, LineState::Open, clock::now_utc());
                tracing::info!(port = %line.port, baud = line.baud, "stations' port open");
                let seat = Seat::of_line(clock::now_utc());
                let with = (Terms { silence_s_max: None }, asking.clone(), seat);
                let n_taken = converse(stream, &telemetry, &line.port, with, stop.clone()).await;
                if n_taken > 0 {
                    wait_s = REOPEN_WAIT_S.0;
                }
                if *stop.borrow() {
                    return;
                }
                let why = "the port went away, or nothing but noise came".to_owned();
                seen.line(&line.port, LineState::Down(why), clock::now_utc());
                telemetry.metrics.alarm("station_port_lost");
                tracing::warn!(port = %line.port, wait_s, "stations' port lost");
            }
            Err(fault) => {
                seen.line(&line.port, LineState::Down(fault.to_string()), clock::now_utc());
                telemetry.metrics.alarm("station_port_lost");
                tracing::warn!(port = %line.port, %fault, wait_s, "stations' port can't be opened");
            }
        }
        tokio::select! {
            () = stopped(&mut stop) => return,
            () = tokio::time::sleep(Duration::from_secs(wait_s)) => {}
        }
        wait_s = (wait_s * 2).min(REOPEN_WAIT_S.1);
    }
}

/// Eight bits, no parity, one stop bit; exclusively (`TIOCEXCL` and `flock`): a second gateway is
/// refused.
fn open(line: &StationLine) -> Result<SerialStream, tokio_serial::Error> {
    let stream = tokio_serial::new(&line.port, line.baud).open_native_async()?;
    // What came before belongs to nobody.
    stream.clear(ClearBuffer::All)?;
    Ok(stream)
}
