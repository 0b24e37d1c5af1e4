//! Registers of the chip.

/// A 32-bit register.
#[derive(Clone, Copy)]
pub(crate) struct Reg(usize);

impl Reg {
    /// The register at `base + offset`; both from the data sheet, 4-byte aligned.
    pub(crate) const fn at(base: usize, offset: usize) -> Self {
        Self(base + offset)
    }

    pub(crate) fn read(self) -> u32 {
        let place = core::ptr::with_exposed_provenance::<u32>(self.0);
        // SAFETY: every `Reg` in this crate is made from a peripheral's address in the data sheet,
        // aligned and always mapped; reads of it have no effect on memory that Rust knows.
        unsafe { place.read_volatile() }
    }

    pub(crate) fn write(self, value: u32) {
        let place = core::ptr::with_exposed_provenance_mut::<u32>(self.0);
        // SAFETY: as above; no peripheral here writes memory by itself (no DMA is switched on).
        unsafe { place.write_volatile(value) }
    }

    pub(crate) fn set(self, bits: u32) {
        self.write(self.read() | bits);
    }

    pub(crate) fn clear(self, bits: u32) {
        self.write(self.read() & !bits);
    }
}

const SYSTEM: usize = 0x400F_E000;
pub(crate) const PORT_A: usize = 0x4000_4000;
pub(crate) const PORT_B: usize = 0x4000_5000;
pub(crate) const PORT_D: usize = 0x4000_7000;
pub(crate) const PORT_E: usize = 0x4002_4000;
pub(crate) const PORT_F: usize = 0x4002_5000;
pub(crate) const PORT_G: usize = 0x4002_6000;

/// A port's data register masked to `pins`: a write touches no others (section 8.2.1.2).
pub(crate) const fn pins(port: usize, pins: usize) -> Reg {
    Reg::at(port, pins << 2)
}

/// Makes pins outputs.
pub(crate) fn outputs(port: usize, pins: u32) {
    Reg::at(port, 0x400).set(pins);
    Reg::at(port, 0x51C).set(pins);
}

/// Makes pins inputs.
pub(crate) fn inputs(port: usize, pins: u32) {
    Reg::at(port, 0x400).clear(pins);
    Reg::at(port, 0x51C).set(pins);
}

/// Gives pins to their peripheral.
pub(crate) fn alternate(port: usize, pins: u32) {
    Reg::at(port, 0x420).set(pins);
    Reg::at(port, 0x51C).set(pins);
}

/// Pins that only pull low, for I2C.
pub(crate) fn open_drain(port: usize, pins: u32) {
    Reg::at(port, 0x50C).set(pins);
}

/// Clock of the processor and its peripherals, Hz.
pub(crate) const CLOCK_HZ: u32 = 50_000_000;

/// Runs the processor at 50 MHz from the 8 MHz crystal, and switches on what is used.
pub(crate) fn clocks() {
    const BYPASS: u32 = 1 << 11;
    const USE_DIVIDER: u32 = 1 << 22;
    const POWER_DOWN: u32 = 1 << 13;
    const OUTPUT_OFF: u32 = 1 << 12;
    const CRYSTAL_8_MHZ: u32 = 0xE << 6;
    const DIVIDE_BY_4: u32 = 3 << 23;
    const LOCKED: u32 = 1 << 6;
    /// A PLL locks within 0.5 ms; this many reads take longer. Without it the crystal is used.
    const LOCK_READS: u32 = 100_000;
    let rcc = Reg::at(SYSTEM, 0x060);
    let before = rcc.read() & !(0xF << 23 | 0xF << 6 | 3 << 4 | 1 | USE_DIVIDER);
    rcc.write(before | BYPASS);
    let running = (before | BYPASS | CRYSTAL_8_MHZ) & !(POWER_DOWN | OUTPUT_OFF);
    rcc.write(running);
    rcc.write(running | DIVIDE_BY_4 | USE_DIVIDER);
    let raw = Reg::at(SYSTEM, 0x050);
    if (0..LOCK_READS).any(|_| raw.read() & LOCKED != 0) {
        rcc.write((running | DIVIDE_BY_4 | USE_DIVIDER) & !BYPASS);
    }
    // Watchdog; UART0, UART1, UART2, SSI0, I2C0; ports A to G.
    Reg::at(SYSTEM, 0x100).set(1 << 3);
    Reg::at(SYSTEM, 0x104).set(1 << 12 | 1 << 4 | 7);
    Reg::at(SYSTEM, 0x108).set(0x7F);
    // A peripheral answers three clocks after its clock came.
    cortex_m::asm::delay(16);
}
