"""A model by where its numbers come from: {"source": "asia"} or a file becomes the whole definition."""

from latentia.core.errors import RecipeError
from latentia.data import KNOWN_MODELS, known_model
from latentia.recipe.schema import Component


def with_source(component: Component) -> Component:
    """The component with its source's name and options in place of the source; its own options win.

    Raises:
        RecipeError: a source that is no name, or a name that is not the source's.
        DataError: there is no such source, or its file is missing or damaged.
    """
    if "source" not in component:
        return component
    source = component["source"]
    if not isinstance(source, str):
        raise RecipeError(f"model.source is {source!r}, wanted a .bif file, or one of: {', '.join(KNOWN_MODELS)}.")
    name, options = known_model(source)
    if component.get("name", name) != name:
        raise RecipeError(f"model.name is {component['name']!r}, but {source!r} is a {name!r}; leave the name out.")
    own = {option: value for option, value in component.items() if option not in ("name", "source")}
    return {"name": name, **options, **own}
