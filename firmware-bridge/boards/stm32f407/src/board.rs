//! The board as the terminal's main loop sees it.

use crate::sound;
use core::cell::RefCell;
use cortex_m::peripheral::syst::SystClkSource;
use embassy_stm32::dac::{DacChannel, Value};
use embassy_stm32::gpio::{Input, Level, Output, Pull, Speed};
use embassy_stm32::i2c::{self, I2c};
use embassy_stm32::mode::Blocking;
use embassy_stm32::spi::{self, Spi};
use embassy_stm32::time::Hertz;
use embassy_stm32::usart::{self, BufferedUart, BufferedUartRx, BufferedUartTx};
use embassy_stm32::wdg::IndependentWatchdog;
use embassy_stm32::{bind_interrupts, peripherals};
use mingluo_terminal_app::{Board, CardBus, Eeprom, SdCard};
use static_cell::StaticCell;

bind_interrupts!(struct Interrupts {
    USART2 => usart::BufferedInterruptHandler<peripherals::USART2>;
    USART3 => usart::BufferedInterruptHandler<peripherals::USART3>;
});

/// The internal oscillator, Hz.
const CLOCK_HZ: u32 = 16_000_000;
/// Speed of a speech chip as it starts, bit/s.
const CHIP_BAUD: u32 = 9_600;
/// A frame for the chip fits, and its answers, which are single bytes.
const CHIP_BYTES: (usize, usize) = (600, 32);
/// Speed of the line, bit/s.
const LINE_BAUD: u32 = 115_200;
const WATCHDOG_US: u32 = 2_000_000;
/// Bytes of the line that wait while the processor checks a signature or writes its memory.
const RECEIVE_BYTES: usize = 2_048;
/// An answer fits.
const SEND_BYTES: usize = 1_200;

type Bus = I2c<'static, Blocking, i2c::Master>;

/// The EEPROM. Its copies are the same chip; there is one thread of execution.
#[derive(Clone)]
pub(crate) struct At24c(&'static RefCell<Bus>);

/// The chip's address on the bus.
const CHIP: u8 = 0x50;
/// Bytes the chip writes at once (AT24C64).
const PAGE_BYTES: u16 = 32;
/// Tries while the chip writes a page; each takes at least 25 microseconds at 400 kHz.
const PAGE_TRIES: u32 = 800;

impl Eeprom for At24c {
    fn read(&mut self, at: u16, out: &mut [u8]) -> bool {
        let Ok(mut bus) = self.0.try_borrow_mut() else { return false };
        (0..PAGE_TRIES).any(|_| bus.blocking_write_read(CHIP, &at.to_be_bytes(), out).is_ok())
    }

    fn write(&mut self, at: u16, bytes: &[u8]) -> bool {
        let Ok(mut bus) = self.0.try_borrow_mut() else { return false };
        let (mut at, mut rest) = (at, bytes);
        while !rest.is_empty() {
            let room = usize::from(PAGE_BYTES - at % PAGE_BYTES).min(rest.len());
            let (page, after) = rest.split_at(room);
            let mut sent = [0; 2 + PAGE_BYTES as usize];
            let head = at.to_be_bytes();
            sent.iter_mut().zip(head.iter().chain(page)).for_each(|(to, from)| *to = *from);
            let Some(sent) = sent.get(..2 + room) else { return false };
            // A chip that still writes the page before does not answer to its address.
            if !(0..PAGE_TRIES).any(|_| bus.blocking_write(CHIP, sent).is_ok()) {
                return false;
            }
            at = at.saturating_add(u16::try_from(room).unwrap_or(u16::MAX));
            rest = after;
        }
        (0..PAGE_TRIES).any(|_| bus.blocking_write(CHIP, &[0, 0]).is_ok())
    }
}

/// The card's bus.
pub(crate) struct CardSpi {
    spi: Spi<'static, Blocking, spi::mode::Master>,
    select: Output<'static>,
}

/// The board's card.
pub(crate) type Card = SdCard<CardSpi>;

impl CardBus for CardSpi {
    fn shift(&mut self, byte: u8) -> u8 {
        let mut both = [byte];
        match self.spi.blocking_transfer_in_place(&mut both) {
            Ok(()) => both.first().copied().unwrap_or(0xFF),
            Err(_) => 0xFF,
        }
    }

    fn select(&mut self, selected: bool) {
        self.select.set_level(if selected { Level::Low } else { Level::High });
    }

    fn fast(&mut self) {
        let mut config = spi::Config::default();
        config.frequency = Hertz(8_000_000);
        // An unchanged configuration was taken before; a slow card is a card.
        let _taken = self.spi.set_config(&config);
    }
}

/// The board.
pub(crate) struct Stm32 {
    relay: Output<'static>,
    current: Input<'static>,
    send: BufferedUartTx<'static>,
    receive: BufferedUartRx<'static>,
    direction: Output<'static>,
    chip_send: BufferedUartTx<'static>,
    chip_receive: BufferedUartRx<'static>,
    heard_ms: i64,
    talk_from_ms: i64,
    talked_bytes: i64,
    watchdog: IndependentWatchdog<'static, peripherals::IWDG>,
    _converter: DacChannel<'static, Blocking>,
}

impl Stm32 {
    /// Starts the board, the amplifier's relay first. `None` when it was started before.
    pub(crate) fn start() -> Option<(Self, At24c, Card)> {
        static SEND: StaticCell<[u8; SEND_BYTES]> = StaticCell::new();
        static RECEIVE: StaticCell<[u8; RECEIVE_BYTES]> = StaticCell::new();
        static BUS: StaticCell<RefCell<Bus>> = StaticCell::new();
        static CHIP_SEND: StaticCell<[u8; CHIP_BYTES.0]> = StaticCell::new();
        static CHIP_RECEIVE: StaticCell<[u8; CHIP_BYTES.1]> = StaticCell::new();
        let mut core = cortex_m::Peripherals::take()?;
        let chip = embassy_stm32::init(embassy_stm32::Config::default());
        let relay = Output::new(chip.PD12, Level::Low, Speed::Low);
        let current = Input::new(chip.PD13, Pull::Down);
        let mut line = usart::Config::default();
        line.baudrate = LINE_BAUD;
        let (sending, receiving) = (SEND.init([0; SEND_BYTES]), RECEIVE.init([0; RECEIVE_BYTES]));
        let (tx, rx) = BufferedUart::new(
            chip.USART2,
            chip.PA3,
            chip.PA2,
            sending,
            receiving,
            Interrupts,
            line,
        )
        .ok()?
        .split();
        let mut chip_line = usart::Config::default();
        chip_line.baudrate = CHIP_BAUD;
        let (chip_send, chip_receive) = BufferedUart::new(
            chip.USART3,
            chip.PB11,
            chip.PB10,
            CHIP_SEND.init([0; CHIP_BYTES.0]),
            CHIP_RECEIVE.init([0; CHIP_BYTES.1]),
            Interrupts,
            chip_line,
        )
        .ok()?
        .split();
        let mut converter = DacChannel::new_blocking(chip.DAC1, chip.PA4);
        converter.set(Value::Bit12Left(0x8000));
        let bus = I2c::new_blocking(chip.I2C1, chip.PB8, chip.PB9, i2c::Config::default());
        let mut slow = spi::Config::default();
        slow.frequency = Hertz(400_000);
        let spi = Spi::new_blocking(chip.SPI1, chip.PA5, chip.PA7, chip.PA6, slow);
        let select = Output::new(chip.PB6, Level::High, Speed::High);
        core.SYST.set_clock_source(SystClkSource::Core);
        core.SYST.set_reload(CLOCK_HZ / 1000 / sound::TICKS_A_MS - 1);
        core.SYST.clear_current();
        core.SYST.enable_counter();
        core.SYST.enable_interrupt();
        let mut watchdog = IndependentWatchdog::new(chip.IWDG, WATCHDOG_US);
        watchdog.unleash();
        let eeprom = At24c(BUS.init(RefCell::new(bus)));
        let card = SdCard::start(CardSpi { spi, select });
        let (send, receive) = (tx, rx);
        let board = Self {
            relay,
            current,
            send,
            receive,
            direction: Output::new(chip.PA1, Level::Low, Speed::Low),
            chip_send,
            chip_receive,
            heard_ms: 0,
            talk_from_ms: 0,
            talked_bytes: 0,
            watchdog,
            _converter: converter,
        };
        Some((board, eeprom, card))
    }
}

impl Board for Stm32 {
    fn tick_ms(&self) -> i64 {
        sound::tick_ms()
    }

    fn line_read(&mut self) -> Option<u8> {
        let byte = embedded_hal_nb::serial::Read::read(&mut self.receive).ok()?;
        self.heard_ms = sound::tick_ms();
        Some(byte)
    }

    fn line_heard_ms(&self) -> i64 {
        self.heard_ms
    }

    fn line_talk(&mut self, talk: bool) {
        self.direction.set_level(if talk { Level::High } else { Level::Low });
        (self.talk_from_ms, self.talked_bytes) = (sound::tick_ms(), 0);
    }

    fn line_write(&mut self, byte: u8) -> bool {
        // The driver's buffer holds a whole answer.
        let taken = embedded_hal_nb::serial::Write::write(&mut self.send, byte).is_ok();
        self.talked_bytes += i64::from(taken);
        taken
    }

    fn line_sent(&self) -> bool {
        // The driver does not tell when the last stop bit has left; the bytes' time does.
        let line_ms = self.talked_bytes * 10_000 / i64::from(LINE_BAUD) + 2;
        sound::tick_ms() - self.talk_from_ms >= line_ms
    }

    fn relay(&mut self, closed: bool) {
        self.relay.set_level(if closed { Level::High } else { Level::Low });
    }

    fn sound_room(&self) -> usize {
        sound::room()
    }

    fn sound_put(&mut self, sample: i16) {
        sound::put(sample);
    }

    fn sounding(&self) -> bool {
        sound::waits()
    }

    fn sound_stop(&mut self) {
        sound::stop();
    }

    fn chip_send(&mut self, frame: &[u8]) -> bool {
        // Frames follow each other after answers: the buffer is empty before each.
        frame
            .iter()
            .all(|byte| embedded_hal_nb::serial::Write::write(&mut self.chip_send, *byte).is_ok())
    }

    fn chip_read(&mut self) -> Option<u8> {
        embedded_hal_nb::serial::Read::read(&mut self.chip_receive).ok()
    }

    fn heard(&mut self) -> bool {
        self.current.is_high()
    }

    fn feed(&mut self) {
        self.watchdog.pet();
    }

    fn rest(&mut self) {
        cortex_m::asm::wfi();
    }
}
