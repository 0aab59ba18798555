//! Papers: who may bring one, who may have it, and that it is the one its hash names.

use domain::enrol::Refusal;
use domain::ids::Sha;
use domain::words::{Line, Role, Section};

use super::{World, family};

const VILLAGE: &str = "410490101201";

#[test]
fn a_paper_goes_to_whoever_sees_its_section() {
    let mut world = World::new("papers");
    let mut op = world.join("op1", Role::CentreOperator, &[]);
    let mut zhou = world.join("zhou", Role::SchoolDirector, &[]);
    let hao = world.join("hao", Role::SchoolDirector, &[]);
    let facts = [
        op.place(family(1), VILLAGE),
        op.place(family(2), "410490101202"),
        op.assign(VILLAGE, Line::Education, "zhou"),
    ];
    op.push(&world.county, &facts).expect("taken");
    let county = &world.county;
    let photo = b"a photo of a signed receipt".to_vec();
    let sha = Sha::of(&photo);
    let put = |desk: &super::Desk, file, bytes: &[u8]| county.put_blob(desk.device, sha, file, Section::Core, bytes);
    assert_eq!(put(&zhou, family(1), b"another photo"), Err(Refusal::Malformed));
    assert_eq!(put(&zhou, family(2), &photo), Err(Refusal::NotAllowed));
    assert_eq!(put(&hao, family(1), &photo), Err(Refusal::NotAllowed));
    assert_eq!(county.blob(zhou.device, sha, 0, None), Err(Refusal::NotFound));
    assert_eq!(put(&zhou, family(1), &photo), Ok(()));
    assert_eq!(put(&zhou, family(1), &photo), Ok(()), "again");
    for desk in [&zhou, &op] {
        assert_eq!(county.blob(desk.device, sha, 0, None).expect("a paper").bytes, photo);
    }
    let part = county.blob(op.device, sha, 8, Some(5)).expect("a part");
    assert_eq!((part.bytes.as_slice(), part.from, part.size), (&photo[8..13], 8, 27));
    assert_eq!(county.blob(op.device, sha, 28, None), Err(Refusal::Malformed));
    assert_eq!(county.blob(hao.device, sha, 0, None), Err(Refusal::NotAllowed));
    // The family goes to Hao, who now sees it; Zhou no longer does.
    zhou.pull(&world);
    let visit = [zhou.visit(family(1))];
    assert_eq!(zhou.push(&world.county, &visit).expect("taken").acks[0].held, [0; 0]);
    let facts = [op.assign(VILLAGE, Line::Education, "hao")];
    op.push(&world.county, &facts).expect("taken");
    assert_eq!(world.county.blob(hao.device, sha, 0, None).expect("a paper").bytes, photo);
    assert_eq!(world.county.blob(zhou.device, sha, 0, None), Err(Refusal::NotAllowed));
    // What belongs to work of Zhou's that was let through still comes home, and nothing else does.
    let late = b"taken before the village was reassigned";
    let put = |desk: &super::Desk, file| world.county.put_blob(desk.device, Sha::of(late), file, Section::Core, late);
    assert_eq!(put(&zhou, family(1)), Ok(()));
    assert_eq!(put(&zhou, family(2)), Err(Refusal::NotAllowed));
    assert_eq!(world.county.blob(hao.device, Sha::of(late), 0, None).expect("a paper").bytes, late);
}
