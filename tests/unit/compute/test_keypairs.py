"""A user's keypairs: one name once, however many ask at once; the limit is exact; copies outlive those who wait."""

import asyncio
import base64
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from tests.unit.region.rows import NOON, resource
from vregion.drivers.contract import Observed
from vregion.model.caller import Caller
from vregion.model.refusals import Conflict, Invalid, NotFound, OverQuota
from vregion.model.resource import Kind, State
from vregion.reconcile.keypairs import RECIPE, body
from vregion.region import copies, key_material, keypairs, leases, realizations, resources, usages
from vregion.region.keypairs import Key
from vregion.region.regions import Region

CALLER = Caller("u1", "p1", "d1", "r1", frozenset({"member"}), "req-1")
PUBLIC = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEhAk4oXxTNaGqAuKiGpYjvUTmQf4vYIbA1wGRTNGJFI someone"
KEY = Key("mine", "ssh", PUBLIC, "aa:bb")


async def test_of_many_who_ask_for_one_name_one_gets_it(region: Region) -> None:
    async def ask() -> bool:
        try:
            async with region.write() as tx:
                await keypairs.create(tx, CALLER, "u1", KEY, NOON)
        except Conflict:
            return False
        return True

    assert sum(await asyncio.gather(*(ask() for _ in range(20)))) == 1
    async with region.read() as tx:
        assert len(await keypairs.page(tx, "u1", None, None)) == 1
        assert (await usages.limits(tx, "u1"))[keypairs.OWNED] == (-1, 1)


async def test_the_limit_is_exact_and_a_refusal_costs_nothing(region: Region) -> None:
    async with region.write() as tx:
        await usages.set_limits(tx, "p1", {"key_pairs": 3})

    async def ask(name: str) -> bool:
        try:
            async with region.write() as tx:
                await keypairs.create(tx, CALLER, "u1", replace(KEY, name=name), NOON)
        except OverQuota:
            return False
        return True

    assert sum(await asyncio.gather(*(ask(f"key{i}") for i in range(10)))) == 3
    async with region.write() as tx:
        found = await keypairs.page(tx, "u1", None, None)
        await keypairs.delete(tx, found[0], NOON)
    assert await ask("another")
    assert not await ask("one too many")


async def test_pages_go_by_name_and_a_user_sees_his_own(region: Region) -> None:
    async with region.write() as tx:
        for user, name in (("u1", "c"), ("u1", "a"), ("u1", "b"), ("u2", "a"), ("u2", "z")):
            await keypairs.create(tx, CALLER, user, replace(KEY, name=name), NOON)
    async with region.read() as tx:
        assert [k.name for k in await keypairs.page(tx, "u1", 2, None)] == ["a", "b"]
        assert [k.name for k in await keypairs.page(tx, "u1", 2, "b")] == ["c"]
        with pytest.raises(Invalid, match="Marker z could not be found"):
            await keypairs.page(tx, "u1", 2, "z")
        with pytest.raises(NotFound, match="Keypair z not found for user u1"):
            await keypairs.of_user(tx, "u1", "z")


async def test_a_deleted_name_is_free_and_its_copy_goes_after_the_server_that_waits(region: Region) -> None:
    server = resource(Kind.SERVER)
    async with region.write() as tx:
        keypair = await keypairs.create(tx, CALLER, "u1", KEY, NOON)
        await resources.insert_resource(tx, server)
        await realizations.need(tx, server, [(Kind.KEYPAIR, keypair.id)])
        await realizations.want(tx, Kind.SERVER, server.id, "b1", NOON)
        await keypairs.delete(tx, keypair, NOON)
    async with region.write() as tx:
        again = await keypairs.create(tx, CALLER, "u1", KEY, NOON)
        copy = await realizations.on_backend(tx, Kind.KEYPAIR, keypair.id, "b1")
        assert again.id != keypair.id
        assert copy is not None
        assert copy.wanted
        made = await realizations.on_backend(tx, Kind.SERVER, server.id, "b1")
        assert made is not None
        await leases.save(tx, made, external_id="there", state=State.PROGRESSING)
        await copies.let_go(tx, Kind.KEYPAIR, keypair.id, NOON)
        copy = await realizations.on_backend(tx, Kind.KEYPAIR, keypair.id, "b1")
        assert copy is not None
        assert not copy.wanted
        assert await realizations.needed(tx, server, "b1") == {}


async def test_one_that_is_nowhere_is_gone_at_once_and_a_living_one_is_never_let_go(region: Region) -> None:
    async with region.write() as tx:
        keypair = await keypairs.create(tx, CALLER, "u1", KEY, NOON)
        await RECIPE.settled(tx, keypair, Observed("there", {}))
        assert await resources.find(tx, Kind.KEYPAIR, keypair.id) is not None
        await keypairs.delete(tx, keypair, NOON)
        assert await resources.find(tx, Kind.KEYPAIR, keypair.id) is None


async def test_the_backend_gets_a_name_that_every_release_takes(region: Region) -> None:
    async with region.write() as tx:
        keypair = await keypairs.create(tx, CALLER, "u1", replace(KEY, name="me@home.org"), NOON)
    assert body(keypair, {}) == {"name": "me-home-org", "type": "ssh", "public_key": PUBLIC}
    assert "_" not in keypair.id


def test_a_fingerprint_is_what_nova_and_ssh_keygen_say() -> None:
    assert key_material.fingerprint(PUBLIC, "ssh") == "c9:49:29:dc:b9:46:9a:ea:3c:97:c1:01:1f:55:67:06"


def test_a_made_pair_fits_together() -> None:
    made = key_material.make("ssh", "u1")
    key = serialization.load_pem_private_key(made.private_key.encode(), None)
    blob = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    assert made.public_key == f"{blob.decode()} Generated-by-Nova"
    assert made.private_key.startswith("-----BEGIN RSA PRIVATE KEY-----")


def test_a_made_certificate_is_the_users() -> None:
    made = key_material.make("x509", "u" * 64)
    certificate = x509.load_pem_x509_certificate(made.public_key.encode())
    key, inside, _ = pkcs12.load_key_and_certificates(base64.b64decode(made.private_key), b"")
    assert key is not None
    assert certificate == inside
    assert certificate.public_key() == key.public_key()
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    (principal,) = names.get_values_for_type(x509.OtherName)
    assert principal.value.endswith(b"u" * 64 + b"@localhost")
    assert len(key_material.fingerprint(made.public_key, "x509")) == 59


@pytest.mark.parametrize("bad", ["", "ssh-rsa", "ssh-rsa AAAA", "ssh-rsa \x00", PUBLIC[:-30]])
def test_bad_keys_are_refused_in_novas_words(bad: str) -> None:
    with pytest.raises(Invalid, match="Keypair data is invalid: failed to generate fingerprint"):
        key_material.fingerprint(bad, "ssh")
