//! Where a dialled number leads in an office of ten thousand extensions and as many public numbers.

use std::error::Error;
use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Criterion};

use jiff::Timestamp;
use offhook_core::dialplan::{Dialled, Notes};
use offhook_core::directory::{
    Destination, Did, Directory, Extension, ExtensionKind, Office, Permission, Trunk,
};
use offhook_core::id::{DidId, ExtensionId, TrunkId};
use offhook_core::pii::Secret;
use offhook_core::{IdSource, dialplan};

const NUMBERS: u32 = 10_000;

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = Criterion::default().configure_from_args();
    let office = office();
    let directory = Directory::new(office.clone());
    let trunk = directory.office().trunks.first().ok_or("no trunk")?;
    for (name, dialled) in [
        ("feature code", "*43"),
        ("extension", "27531"),
        ("own public number", "+49309207531"),
        ("out by a trunk", "004412345678"),
        ("nobody's number", "77531"),
    ] {
        criterion.bench_function(&format!("router/from inside, {name}"), |bencher| {
            let dialled = Dialled {
                number: dialled,
                caller: directory.office().extensions.first(),
                at: Timestamp::UNIX_EPOCH,
            };
            bencher.iter(|| {
                let notes = &mut Notes::unread();
                dialplan::from_inside(black_box(&directory), black_box(dialled), notes)
            });
        });
    }
    criterion.bench_function("router/from a trunk", |bencher| {
        bencher.iter(|| dialplan::from_trunk(&directory, trunk, black_box("+49309207531")));
    });
    criterion.bench_function("router/digits that could go on", |bencher| {
        bencher.iter(|| directory.could_become_extension(black_box("2999")));
    });
    criterion.bench_function("router/a new snapshot", |bencher| {
        let fresh = || office.clone();
        bencher.iter_batched(fresh, Directory::new, BatchSize::LargeInput);
    });
    criterion.final_summary();
    Ok(())
}

fn office() -> Office {
    let mut ids = IdSource::seeded(1);
    let mut office = Office::default();
    for number in 0..NUMBERS {
        let id = ExtensionId::new(&mut ids);
        office.extensions.push(extension(id, number));
        office.dids.push(Did {
            id: DidId::new(&mut ids),
            number: format!("+49309{}", 200_000 + number),
            name: format!("Line {number}"),
            trunk: None,
            destination: Destination::Extension(id),
        });
    }
    for prefix in ["0", "00", "0044", "01", "0160"] {
        let id = TrunkId::new(&mut ids);
        office.trunks.push(trunk(id, prefix));
    }
    office
}

fn extension(id: ExtensionId, number: u32) -> Extension {
    Extension {
        id,
        number: (20_000 + number).to_string(),
        name: format!("Desk {number}"),
        user: None,
        kind: ExtensionKind::Standard,
        enabled: true,
        password: Secret::new("unused here".to_owned()),
        ring_timeout: Duration::from_secs(60),
        incoming_limit: 0,
        permissions: Permission::usual(),
        countries: Vec::new(),
        srtp: None,
        hold_music: None,
        record: false,
        record_style: offhook_core::recording::OwnStyle::default(),
    }
}

fn trunk(id: TrunkId, prefix: &str) -> Trunk {
    Trunk {
        host: Some("carrier.example".to_owned()),
        outbound_prefix: Some(prefix.to_owned()),
        ..Trunk::new(id, &format!("Carrier {prefix}"))
    }
}
