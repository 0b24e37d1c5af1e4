//! Ready-made programmes of the days on which the whole country teaches safety: an officer adds one with one
//! press and changes its words, times and places afterwards like those of any other.

use crate::model::{AreaCode, Calendar, LocalDate, Programme, YearDay};
use std::collections::BTreeSet;

/// How many years a programme that was added stays on the schedule.
const YEARS: i16 = 10;

/// One of them.
#[derive(Debug)]
pub struct Ready {
    /// What forms call it.
    pub key: &'static str,
    /// Its name, in Chinese.
    pub name: &'static str,
    /// The words to speak.
    pub text: &'static str,
    /// Local minutes of the day.
    times: &'static [u16],
    calendar: fn() -> Calendar,
}

/// All of them.
pub static READY_PROGRAMMES: [Ready; 2] = [
    Ready {
        key: "safety-month",
        name: "安全生产月",
        text: "各位村民，大家好。六月是全国安全生产月。出门、收工的时候，请关好水电和燃气；电动车不要推进屋里、\
               楼道里充电；开农机不载人、不喝酒；打农药戴好口罩手套，背着风打；下塘下河干活，两个人结伴，穿好\
               救生衣。看到身边有安全隐患，请马上告诉村委会，或者拨打一二三五零举报。人人讲安全，个个会应急，\
               平平安安才是福。",
        times: &[7 * 60 + 30, 18 * 60 + 30],
        calendar: || Calendar::Month { month: 6 },
    },
    Ready {
        key: "disaster-day",
        name: "5·12 防灾减灾日",
        text: "各位村民，大家好。今天是五月十二号，全国防灾减灾日。请和家里人一起，把三件事说清楚。第一，家门口\
               最近的避险点在哪里，走哪条路。第二，听到预警广播和锣声，家里的老人、小孩由谁带着走。第三，手电、\
               雨衣、干粮和常用的药，放在什么地方。下大雨的时候，不进山沟，不过漫水桥，不在陡坡下面停留。看到\
               山坡裂缝、树木歪斜、井水突然变浑，赶快离开，马上报告村干部。请大家记住：预警一响，马上就走，\
               宁可空跑十次，不可大意一次。",
        times: &[10 * 60, 17 * 60 + 30],
        calendar: || Calendar::Yearly { days: BTreeSet::from([YearDay { month: 5, day: 12 }]) },
    },
];

impl Ready {
    /// The one of that key.
    #[must_use]
    pub fn of(key: &str) -> Option<&'static Self> {
        READY_PROGRAMMES.iter().find(|ready| ready.key == key)
    }

    /// The programme for these places, from `today` on.
    #[must_use]
    pub fn programme(&self, areas: Vec<AreaCode>, today: LocalDate) -> Programme {
        Programme {
            name: self.name.to_owned(),
            text: Some(self.text.to_owned()),
            recording: None,
            voice: None,
            areas,
            terminals: Vec::new(),
            groups: Vec::new(),
            calendar: (self.calendar)(),
            at_minutes: self.times.iter().copied().collect(),
            from: today,
            until: today.end_of_year(YEARS),
            except: BTreeSet::new(),
            repeats: 1,
            interval_s: 10,
            volume_percent: None,
            tolerance_s: 600,
            valid_s: 1_800,
        }
    }
}
