//! Messages come back as they went, and what is none is refused.

use super::*;
use crate::pickle::write;
use proptest::prelude::*;

fn request_of<const N: usize>(elements: [Value<'_>; N]) -> Result<(), BadMessage> {
    Request::decode(&write(&Value::tuple(elements))).map(drop)
}

fn response_of<const N: usize>(elements: [Value<'_>; N]) -> Result<(), BadMessage> {
    Response::decode(&write(&Value::tuple(elements))).map(drop)
}

const NAME: Value<'_> = Value::Text("a");
const ROOT: Value<'_> = Value::Text("/");
const SIZE: Value<'_> = Value::Int(512);

fn asked(number: u8) -> Value<'static> {
    Value::Member(Enumeration::Request, number)
}

#[test]
fn requests_of_another_shape_are_bad() {
    let path = || Value::Path("/".into());
    let number = Value::Int;
    assert_eq!(request_of([asked(4), NAME, path(), SIZE, SIZE]), Ok(()));
    assert_eq!(request_of([number(4), NAME, path(), SIZE, SIZE]), Ok(()));
    let bad = Err(BadMessage::Shape);
    assert_eq!(request_of([]), bad);
    assert_eq!(request_of([asked(1)]), bad);
    assert_eq!(request_of([asked(1), ROOT, ROOT]), bad);
    assert_eq!(request_of([asked(1), Value::Bytes(b"/")]), bad);
    assert_eq!(request_of([asked(2), path(), path()]), bad);
    assert_eq!(request_of([asked(2), Value::None, path()]), bad);
    assert_eq!(request_of([asked(4), NAME, path(), SIZE]), bad);
    assert_eq!(request_of([asked(4), NAME, path(), Value::Bool(true), SIZE]), bad);
    assert_eq!(request_of([asked(4), NAME, path(), SIZE, Value::Float(512.0)]), bad);
    assert_eq!(request_of([asked(4), NAME, path(), SIZE, Value::Text("512")]), bad);
    assert_eq!(request_of([asked(5), NAME]), bad);
    assert_eq!(request_of([asked(7), Value::None]), bad);
    assert_eq!(request_of([number(0), ROOT]), bad);
    assert_eq!(request_of([number(10), ROOT]), bad);
    assert_eq!(request_of([number(257), ROOT]), bad);
    assert_eq!(request_of([Value::Bool(true), ROOT]), bad);
    assert_eq!(request_of([Value::Member(Enumeration::Response, 1), ROOT]), bad);
    assert_eq!(Request::decode(&write(&ROOT)), Err(BadMessage::Shape));
    assert_eq!(Request::decode(&write(&Value::Dictionary(vec![("a", ROOT)]))), Err(BadMessage::Shape));
}

#[test]
fn responses_of_another_shape_are_bad() {
    let answered = |number| Value::Member(Enumeration::Response, number);
    let reason = |reason: Reason| Value::Member(Enumeration::Reason, reason as u8);
    let listing = |entries| response_of([answered(1), reason(Reason::FilesListed), Value::Dictionary(entries)]);
    let file = |size| Value::tuple([Value::Bool(false), size, Value::Int(0)]);
    assert_eq!(listing(vec![("a", file(SIZE)), ("b", file(SIZE))]), Ok(()));
    assert_eq!(response_of([Value::Int(1), Value::Int(2)]), Ok(()));
    let bad = Err(BadMessage::Shape);
    assert_eq!(listing(vec![("a", file(SIZE)), ("a", file(SIZE))]), bad);
    assert_eq!(listing(vec![("a", file(Value::Int(-1)))]), bad);
    assert_eq!(listing(vec![("a", Value::tuple([Value::Bool(true), SIZE]))]), bad);
    let endless = Value::tuple([Value::Bool(false), SIZE, Value::Float(f64::INFINITY)]);
    assert_eq!(listing(vec![("a", endless)]), bad);
    assert_eq!(response_of([answered(2)]), bad);
    assert_eq!(response_of([answered(2), reason(Reason::FileCreated)]), bad);
    assert_eq!(response_of([answered(1), reason(Reason::FileNotFound)]), bad);
    assert_eq!(response_of([answered(1), reason(Reason::FilesListed)]), bad);
    assert_eq!(response_of([answered(1), reason(Reason::ChunkSent)]), bad);
    assert_eq!(response_of([answered(1), reason(Reason::FileCreated), SIZE]), bad);
    assert_eq!(response_of([answered(1), reason(Reason::TransferAccepted), Value::Int(-1)]), bad);
    assert_eq!(response_of([answered(3), reason(Reason::UnknownError)]), bad);
    assert_eq!(response_of([answered(3), reason(Reason::UnknownError), NAME, NAME]), bad);
    assert_eq!(response_of([answered(1), answered(1)]), bad);
}

#[test]
fn the_reasons_are_those_of_the_prototype() {
    assert_eq!(Reason::ALL.len(), Enumeration::Reason.members().len());
    for (reason, name) in Reason::ALL.iter().zip(Enumeration::Reason.members()) {
        assert_eq!(format!("{reason:?}").to_uppercase(), name.replace('_', ""));
    }
}

#[test]
fn a_path_in_the_smallest_parts_is_read() {
    let parts = vec![Value::Text("a"); crate::limits::MAX_PATH_BYTES / 2];
    let mut bytes = vec![0x80, 2, b'K', 1];
    bytes.extend(b"cpathlib\nPosixPath\nq\x00(X\x01\0\0\0/q\x01");
    for index in 2..=parts.len() {
        bytes.extend(b"X\x01\0\0\0ar");
        bytes.extend(u32::try_from(index).unwrap().to_le_bytes());
    }
    bytes.extend(b"tR\x86.");
    let directory = Directory::new(&"/a".repeat(parts.len() - 1));
    assert_eq!(Request::decode(&bytes), Ok(Request::ListFiles { directory }));
}

#[test]
fn a_directory_of_many_small_files_is_read() {
    let file = |number: u32| ListedFile { name: number.to_string(), is_directory: true, size: 0, modified: 0.0 };
    let response = Response::FilesListed((0..10_000).map(file).collect());
    assert_eq!(Response::decode(&response.encode()), Ok(response));
}

fn request() -> impl Strategy<Value = Request<'static>> {
    let named = || (any::<String>(), "[/a.é]{0,8}".prop_map(|text| Directory::new(&text)));
    prop_oneof![
        named().prop_map(|(_, directory)| Request::ListFiles { directory }),
        named().prop_map(|(name, directory)| Request::CreateFile { name, directory }),
        named().prop_map(|(name, directory)| Request::MakeDirectory { name, directory }),
        named().prop_map(|(name, directory)| Request::RemoveFile { name, directory }),
        (named(), any::<i64>(), any::<i64>()).prop_map(|((name, directory), file_size, chunk_size)| {
            Request::UploadFile { name, directory, file_size, chunk_size }
        }),
        (named(), any::<i64>())
            .prop_map(|((name, directory), chunk_size)| { Request::DownloadFile { name, directory, chunk_size } }),
        any::<Vec<u8>>().prop_map(|data| Request::SendChunk { data: data.into() }),
        Just(Request::ReceiveChunk),
        Just(Request::CancelTransfer),
    ]
}

fn listed() -> impl Strategy<Value = Vec<ListedFile>> {
    let properties = (any::<bool>(), 0..=i64::MAX as u64, prop::num::f64::NORMAL | prop::num::f64::ZERO);
    prop::collection::btree_map(any::<String>(), properties, 0..8).prop_map(|files| {
        let file = |(name, (is_directory, size, modified))| ListedFile { name, is_directory, size, modified };
        files.into_iter().map(file).collect()
    })
}

fn response() -> impl Strategy<Value = Response<'static>> {
    prop_oneof![
        listed().prop_map(Response::FilesListed),
        prop::sample::select(Reason::ALL).prop_filter_map("a payload", |reason| Response::without_payload(reason).ok()),
        Just(Response::FileRemoved),
        (0..=i64::MAX as u64).prop_map(|size| Response::TransferAccepted { file_size: Some(size) }),
        any::<Vec<u8>>().prop_map(|data| Response::ChunkSent(data.into())),
        any::<Vec<u8>>().prop_map(|data| Response::TransferCompleted { data: Some(data.into()) }),
        any::<String>().prop_map(Response::UnknownError),
    ]
}

proptest! {
    #[test]
    fn requests_come_back_as_they_went(request in request()) {
        let bytes = request.encode();
        prop_assert_eq!(Request::decode(&bytes), Ok(request));
    }

    #[test]
    fn responses_come_back_as_they_went(response in response()) {
        let bytes = response.encode();
        prop_assert_eq!(Response::decode(&bytes), Ok(response));
    }
}

#[test]
fn what_was_to_be_a_chunk_is_told_from_other_bytes() {
    let meant = |elements: Vec<Value<'_>>| Request::means_chunk(&write(&Value::tuple(elements)));
    assert!(meant(vec![asked(5)]) && meant(vec![Value::Int(5), NAME]) && meant(vec![asked(5), asked(1)]));
    assert!(!meant(vec![asked(7)]) && !meant(vec![]) && !Request::means_chunk(b"no pickle"));
    // As Python writes (5, [1]) and (7, [1]): lists are not read, but what stands before them is.
    assert!(Request::means_chunk(b"\x80\x04\x95\x0a\0\0\0\0\0\0\0K\x05]\x94K\x01a\x86\x94."));
    assert!(!Request::means_chunk(b"\x80\x04\x95\x0a\0\0\0\0\0\0\0K\x07]\x94K\x01a\x86\x94."));
}
