"""`clarion doctor` asks mail servers as notifiers do: by the whole URL."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.cli.doctor.finding import Finding
from services.cli.doctor.mail import check_mail
from services.notifier.settings import NotifierSettings
from testbed.smtp import PASSWORD, running_smtp
from testbed.smtp_script import scripted_smtp


async def found(url: str) -> Finding:
    (finding,) = await check_mail(NotifierSettings(email=[url]))
    return finding


@pytest.mark.filterwarnings("ignore:Requiring AUTH")  # the server warns of TLS that it has
@pytest.mark.parametrize("tls", [False, True], ids=["starttls", "smtps"])
async def test_a_server_of_a_private_authority_is_trusted_by_ca(tmp_path: Path, tls: bool) -> None:
    async with running_smtp(tmp_path, tls=tls) as box:
        finding = await found(f"{box.url}&rate=10/s")
        assert (finding.ok, finding.sentence) == (True, "It answers and accepts the login.")
        bare, _, _ = box.url.partition("&ca=")
        finding = await found(bare)
        assert "Its certificate is not trusted" in finding.sentence
        assert "&ca=" in finding.remedy
        finding = await found(box.url.replace(PASSWORD.split("/")[0], "wrong"))
        assert finding.sentence == "It refuses the login."


@pytest.mark.parametrize("login", ["", "user:canary@"])
async def test_starttls_is_asked_for_as_the_url_says(login: str) -> None:
    async with scripted_smtp() as server:
        url = server.url.replace("smtp://", f"smtp://{login}")
        finding = await found(f"{url}&starttls=required")
        assert (finding.ok, finding.sentence) == (False, "It does not offer STARTTLS.")
        assert (await found(url)).ok is not bool(login)  # a login is never sent in the clear
        finding = await found(f"{url}&starttls=no")
        assert (finding.ok, "no login" in finding.sentence) == (not login, bool(login))


async def test_the_server_is_greeted_by_the_name_of_the_url() -> None:
    async with scripted_smtp() as server:
        assert (await found(f"{server.url}&helo=clarion.shop.example")).ok
        assert server.commands[0] == "EHLO clarion.shop.example"
        server.always["EHLO"] = "550 5.7.1 who is that"
        finding = await found(server.url)
        assert (finding.ok, "&helo=" in finding.remedy) == (False, True)


async def test_each_server_is_asked_and_nothing_else() -> None:
    async with scripted_smtp() as server:
        urls = ["capture://", server.url, server.url]
        assert [one.ok for one in await check_mail(NotifierSettings(email=urls))] == [True, True]
        assert not any(line.startswith("MAIL") for line in server.commands)
