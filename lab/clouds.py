"""clouds.yaml for the stock clients: one entry per region and persona.

region1 is the demo member, region1-admin the administrator, region1-manager and region1-reader the other personas of
project demo. `up` leaves the file in STATE/clouds.yaml; `python -m lab clouds` prints it.
"""

from lab.regions import Region
from lab.settings import STATE

USERS = {"demo": "demo", "manager": "demo", "reader": "demo", "admin": "admin"}


def entry(region: Region, user: str, project: str) -> str:
    name = region.name if user == "demo" else f"{region.name}-{user}"
    return f"""  {name}:
    region_name: {region.name}
    identity_api_version: 3
    auth:
      auth_url: {region.auth_url}
      username: {user}
      password: {region.password}
      project_name: {project}
      user_domain_id: default
      project_domain_id: default
"""


def clouds(regions: list[Region]) -> str:
    return "clouds:\n" + "".join(entry(region, *user) for region in regions for user in USERS.items())


def write_clouds(regions: list[Region]) -> None:
    (STATE / "clouds.yaml").write_text(clouds(regions))
