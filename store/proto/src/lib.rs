//! etcd v3 on the wire: messages, clients and server traits, generated from `proto/`.

#![allow(clippy::large_enum_variant)] // Generated code.

mod codec;
pub mod reflect;

pub use codec::Codec;

/// Keys, values and events.
pub mod mvccpb {
    tonic::include_proto!("mvccpb");
}

/// What users and roles are made of.
pub mod authpb {
    tonic::include_proto!("authpb");
}

/// The services and their messages.
pub mod etcdserverpb {
    tonic::include_proto!("etcdserverpb");
}

/// Locks.
pub mod v3lockpb {
    tonic::include_proto!("v3lockpb");
}

/// Elections.
pub mod v3electionpb {
    tonic::include_proto!("v3electionpb");
}

/// gRPC health checking.
pub mod health {
    tonic::include_proto!("grpc.health.v1");
}

/// What members of one cluster say to each other.
pub mod peer {
    tonic::include_proto!("coracle.peer");
}
