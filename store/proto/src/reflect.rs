//! The wire contract as constants: names, numbers and kinds, without a byte of heap.
//!
//! For code that handles messages without knowing their types (JSON to protobuf and back, names of
//! methods in metrics). Rejected: a descriptor pool at run time, which costs a second for each
//! thousand starts and half a megabyte for tables that never change.

/// A message and its fields, in the order of their declaration.
#[derive(Debug)]
pub struct Message {
    /// With its package.
    pub name: &'static str,
    pub fields: &'static [Field],
}

/// A field of a message.
#[derive(Debug)]
pub struct Field {
    pub number: u32,
    pub name: &'static str,
    /// The name in camel case, as JSON may spell it.
    pub json_name: &'static str,
    pub kind: Kind,
    pub repeated: bool,
    /// The full name of the oneof that the field belongs to.
    pub oneof: Option<&'static str>,
}

/// What a field holds.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Bool,
    Int32,
    Int64,
    Uint32,
    Uint64,
    String,
    Bytes,
    Enum(&'static Enum),
    Message(&'static Message),
}

/// An enum's values: names and numbers.
#[derive(Debug)]
pub struct Enum {
    pub values: &'static [(&'static str, i32)],
}

/// A method of a service.
#[derive(Debug)]
pub struct Method {
    /// The path of its calls, `/package.Service/Method`.
    pub path: &'static str,
    /// With its package.
    pub service: &'static str,
    pub name: &'static str,
    pub input: &'static Message,
    pub output: &'static Message,
    pub client_streams: bool,
    pub server_streams: bool,
}

include!(concat!(env!("OUT_DIR"), "/reflect.rs"));

/// The method that a path names.
pub fn method(path: &str) -> Option<&'static Method> {
    index(path).map(|at| &METHODS[at])
}

/// The place of the method that a path names in [`METHODS`], which are in the order of their paths.
pub fn index(path: &str) -> Option<usize> {
    METHODS.binary_search_by(|method| method.path.cmp(path)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_tell_the_contract() {
        let put = method("/etcdserverpb.KV/Put").expect("it is there");
        assert_eq!((put.service, put.name), ("etcdserverpb.KV", "Put"));
        assert!(!put.client_streams && !put.server_streams);
        let names: Vec<_> = put.input.fields.iter().map(|field| field.name).collect();
        assert_eq!(names, ["key", "value", "lease", "prev_kv", "ignore_value", "ignore_lease"]);
        let watch = method("/etcdserverpb.Watch/Watch").expect("it is there");
        assert!(watch.client_streams && watch.server_streams);
        let union = Some("etcdserverpb.WatchRequest.request_union");
        assert!(watch.input.fields.iter().all(|field| field.oneof == union));
        assert!(method("/etcdserverpb.KV/put").is_none());
    }

    #[test]
    fn every_method_is_found_at_its_place() {
        for (at, method) in METHODS.iter().enumerate() {
            assert_eq!(index(method.path), Some(at));
        }
    }

    #[test]
    fn a_message_may_hold_itself() {
        let txn = method("/etcdserverpb.KV/Txn").expect("it is there").input;
        let Kind::Message(op) = txn.fields[1].kind else { panic!("operations are messages") };
        let Kind::Message(nested) = op.fields[3].kind else { panic!("a transaction is one") };
        assert_eq!(nested.name, txn.name);
    }
}
