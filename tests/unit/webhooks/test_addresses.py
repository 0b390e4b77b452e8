from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinecone_backup.webhooks.addresses import is_public

FORBIDDEN = {
    "this network": ["0.0.0.0", "0.255.255.255"],  # noqa: S104 - judged, not bound to
    "private": [
        *("10.0.0.0", "10.255.255.255", "172.16.0.0", "172.31.255.255"),
        *("192.168.0.0", "192.168.255.255"),
    ],
    "carriers": ["100.64.0.0", "100.100.100.200", "100.127.255.255"],
    "loopback": ["127.0.0.0", "127.0.0.1", "127.255.255.255", "::1"],
    "unspecified": ["::"],
    "link-local": ["169.254.0.0", "169.254.169.254", "169.254.255.255", "fe80::1", "febf::1"],
    "link-local with a zone": ["fe80::1%eth0", "2606:4700::1%eth0"],
    "metadata of AWS": ["169.254.169.253", "169.254.170.2", "fd00:ec2::254"],
    "assignments": ["192.0.0.0", "192.0.0.9", "192.0.0.255", "2001::1", "2001:1ff:ffff::"],
    "documentation": [
        *("192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "2001:db8:ffff::1"),
        *("3fff::", "3fff:fff:ffff::1"),
    ],
    "6to4": ["192.88.99.0", "192.88.99.255", "2002:7f00:1::1", "2002:808:808::1"],
    "Teredo": ["2001:0:4136:e378:8000:63bf:3fff:fdd2"],
    "benchmarks": ["198.18.0.0", "198.19.255.255", "2001:2::1"],
    "multicast": ["224.0.0.0", "224.0.0.251", "239.255.255.255", "ff00::1", "ff02::fb"],
    "reserved": ["240.0.0.0", "255.255.255.254", "4000::1", "::8.8.8.8"],
    "broadcast": ["255.255.255.255"],
    "mapped": ["::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:8.8.8.8"],
    "translated": ["64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1"],
    "discarded": ["100::1", "100:0:0:1::1"],
    "segment routing": ["5f00::1"],
    "unique local": ["fc00::1", "fdff:ffff::1"],
    "site-local": ["fec0::1"],
    "no address": ["", "localhost", "8.8.8.8.8", "0x7f.1", "08.8.8.8", "8.8.8.8:443"],
}
PUBLIC = [
    *("1.0.0.0", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0"),
    *("126.255.255.255", "128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255"),
    *("172.32.0.0", "192.0.1.0", "192.0.3.0", "192.88.98.255", "192.88.100.0", "192.167.255.255"),
    *("192.169.0.0", "198.17.255.255", "198.20.0.0", "198.51.99.255", "198.51.101.0"),
    *("203.0.112.255", "203.0.114.0", "223.255.255.255"),
    *("2001:200::1", "2001:db7:ffff::", "2001:db9::", "2001:4860:4860::8888", "2003::1"),
    *("2606:4700::1111", "3ffe::1", "3fff:1000::"),
]


@pytest.mark.parametrize(
    "address", [address for addresses in FORBIDDEN.values() for address in addresses]
)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_allowed(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses())
def test_nothing_is_public_that_the_standard_library_calls_local(address: object) -> None:
    parsed = ip_address(str(address))
    if not parsed.is_global or parsed.is_multicast or parsed.is_reserved:
        assert not is_public(str(parsed))


@given(st.ip_addresses(v=4))
def test_no_ipv4_address_passes_in_an_ipv6_disguise(address: object) -> None:
    assert not is_public(f"::ffff:{address}")
    assert not is_public(f"64:ff9b::{address}")
    assert not is_public(f"::{address}")
