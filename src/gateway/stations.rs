//! Which warnings of stations hold: folded from the alerts that told them, so that the record alone
//! says after a restart what was told and what was ended.

use super::State;
use crate::model::{
    Alert, AlertForm, Crossing, MsgType, StationId, station_parameter as parameter,
};

impl State {
    /// An alert that the gateway made of a station's readings.
    pub(super) fn apply_crossing(&mut self, alert: &Alert) {
        if alert.form != AlertForm::Station {
            return;
        }
        let Some(info) = alert.infos.first() else { return };
        let told = |name: &str| {
            let found = info.parameters.iter().find(|parameter| parameter.name == name);
            found.map(|parameter| parameter.value.clone())
        };
        let station = told(parameter::STATION).and_then(|text| StationId::parse(&text));
        let (Some(station), Some(hazard)) = (station, told(parameter::HAZARD)) else { return };
        let key = format!("{station}/{hazard}");
        match (alert.msg_type, told(parameter::RULE), info.level) {
            (MsgType::Alert | MsgType::Update, Some(rule), Some(level)) => {
                let (alert, since) = (alert.id.clone(), alert.id.sent);
                let crossing = Crossing { station, hazard, rule, level, alert, since };
                self.crossings.insert(key, crossing);
            }
            _ => drop(self.crossings.remove(&key)),
        }
    }
}
