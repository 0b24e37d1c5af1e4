//! Pages in real browsers, from Chromium 78 to the current one, driven over the protocol of their
//! own developer tools.

mod browser;
mod driver;
mod fixture;
mod page;
mod seen;
mod shot;
mod sight;
mod wire;
