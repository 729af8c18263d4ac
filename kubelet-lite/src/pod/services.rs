//! Variables that tell a container where services are, as upstream's kubelet sets them.

/// A service with a cluster IP, with what its variables need.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Service {
    pub namespace: String,
    pub name: String,
    pub cluster_ip: String,
    pub ports: Vec<ServicePort>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServicePort {
    pub name: String,
    pub port: i32,
    pub protocol: String,
}

/// Variables of one pod: of every service in its namespace if `links`, and always of the
/// apiserver's own service, unless the namespace has one of that name.
pub fn variables(services: &[Service], namespace: &str, links: bool) -> Vec<(String, String)> {
    let is_master =
        |service: &Service| service.namespace == "default" && service.name == "kubernetes";
    let mut chosen: Vec<&Service> = services
        .iter()
        .filter(|service| !service.cluster_ip.is_empty() && service.cluster_ip != "None")
        .filter(|service| is_master(service) || (links && service.namespace == namespace))
        .collect();
    // The namespace's own comes last, so that it wins.
    chosen.sort_by_key(|service| (service.namespace == namespace, service.name.as_str()));
    let mut out: Vec<(String, String)> = Vec::new();
    for service in chosen {
        for (name, value) in of_service(service) {
            match out.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => *known = value,
                None => out.push((name, value)),
            }
        }
    }
    out
}

fn of_service(service: &Service) -> Vec<(String, String)> {
    let Some(first) = service.ports.first() else { return Vec::new() };
    let prefix = variable_name(&service.name);
    let host = if service.cluster_ip.contains(':') {
        format!("[{}]", service.cluster_ip)
    } else {
        service.cluster_ip.clone()
    };
    let url =
        |port: &ServicePort| format!("{}://{host}:{}", port.protocol.to_lowercase(), port.port);
    let mut out = vec![
        (format!("{prefix}_SERVICE_HOST"), service.cluster_ip.clone()),
        (format!("{prefix}_SERVICE_PORT"), first.port.to_string()),
    ];
    for port in service.ports.iter().filter(|port| !port.name.is_empty()) {
        let name = format!("{prefix}_SERVICE_PORT_{}", variable_name(&port.name));
        out.push((name, port.port.to_string()));
    }
    out.push((format!("{prefix}_PORT"), url(first)));
    for port in &service.ports {
        let key = format!("{prefix}_PORT_{}_{}", port.port, port.protocol.to_uppercase());
        out.push((key.clone(), url(port)));
        out.push((format!("{key}_PROTO"), port.protocol.to_lowercase()));
        out.push((format!("{key}_PORT"), port.port.to_string()));
        out.push((format!("{key}_ADDR"), service.cluster_ip.clone()));
    }
    out
}

fn variable_name(name: &str) -> String {
    name.replace('-', "_").to_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(namespace: &str, name: &str, ip: &str) -> Service {
        let port =
            |name: &str, port| ServicePort { name: name.into(), port, protocol: "TCP".into() };
        let ports = vec![port("https", 443), port("", 8080)];
        Service { namespace: namespace.into(), name: name.into(), cluster_ip: ip.into(), ports }
    }

    #[test]
    fn docker_style_variables_of_a_service() {
        let got = variables(&[service("shop", "my-db", "10.0.0.9")], "shop", true);
        let text: Vec<String> = got.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(
            text.join(" "),
            "MY_DB_SERVICE_HOST=10.0.0.9 MY_DB_SERVICE_PORT=443 \
            MY_DB_SERVICE_PORT_HTTPS=443 MY_DB_PORT=tcp://10.0.0.9:443 \
            MY_DB_PORT_443_TCP=tcp://10.0.0.9:443 MY_DB_PORT_443_TCP_PROTO=tcp \
            MY_DB_PORT_443_TCP_PORT=443 MY_DB_PORT_443_TCP_ADDR=10.0.0.9 \
            MY_DB_PORT_8080_TCP=tcp://10.0.0.9:8080 MY_DB_PORT_8080_TCP_PROTO=tcp \
            MY_DB_PORT_8080_TCP_PORT=8080 MY_DB_PORT_8080_TCP_ADDR=10.0.0.9"
        );
    }

    #[test]
    fn the_apiserver_is_always_there_and_strangers_never() {
        let services = [
            service("default", "kubernetes", "10.96.0.1"),
            service("shop", "db", "10.96.0.2"),
            service("shop", "headless", "None"),
            service("other", "x", "10.96.0.3"),
        ];
        let hosts = |links| -> Vec<String> {
            variables(&services, "shop", links)
                .into_iter()
                .map(|(name, _)| name)
                .filter(|name| name.ends_with("_HOST"))
                .collect()
        };
        assert_eq!(hosts(false), ["KUBERNETES_SERVICE_HOST"]);
        assert_eq!(hosts(true), ["KUBERNETES_SERVICE_HOST", "DB_SERVICE_HOST"]);
    }
}
