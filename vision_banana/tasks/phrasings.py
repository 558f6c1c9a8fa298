"""The sentences prompts are made of, in our own words; the first is canonical.

In the spirit of the paper's published examples: instructions ("Generate a ...")
beside statements about the output ("This image is a ...").
"""

DEPTH = (
    "Generate a metric depth map for the image.",
    "Predict the metric depth of every pixel of the input image.",
    "Show how far from the camera each point of this picture is.",
    "Turn the photo into a metric depth visualization.",
    "Estimate the distance in meters to every visible surface.",
    "Paint the metric depth of this scene.",
    "This is the depth map of the input image.",
    "Render the depth of the input as colors.",
    "Depth estimation: color each pixel by its distance to the camera.",
    "A metric depth visualization of the given image.",
    "Create the depth image that belongs to this photo.",
    "Measure the depth of this view and draw it as a map.",
)
COLORMAP = (
    " Use the {map} color map.",
    " Color it with {map}.",
    " Colormap: {map}.",
    " The depth is shown in {map} colors.",
    " Near to far follows the {map} palette.",
)
COLORMAP_NAMES = {"cube": "rainbow cube", "plasma": "Plasma", "inferno": "Inferno",
                  "viridis": "Viridis", "grayscale": "grayscale", "turbo": "Turbo"}

NORMALS = (
    "Predict the surface normals for the input image.",
    "Generate a surface normal map of this image.",
    "Show which way every surface in the picture faces.",
    "Turn the photo into a normal map.",
    "Estimate the orientation of each visible surface.",
    "Paint the camera-space normals of this scene.",
    "This is the surface normal map of the input.",
    "Render the normals of the input as colors.",
    "Normal estimation: color each pixel by the direction of its surface.",
    "A surface normal visualization of the given image.",
    "Create the normal image that belongs to this photo.",
    "Draw the direction of the surface at every pixel.",
)

SEMANTIC_JSON = (
    "Generate a semantic segmentation visualization image, using this color mapping:",
    "Segment the image with these class colors:",
    "Semantic segmentation of the input. Colors:",
    "Paint each class in its own color:",
    "A per-pixel class map of the image, with the mapping",
    "Label every pixel of the photo by this legend:",
)
SEMANTIC_PROSE = (
    "Generate a semantic segmentation visualization of the input.",
    "This image is a per-pixel class labeling of the input.",
    "A semantic map of the given image.",
    "Segment the picture into classes.",
    "Draw what each pixel belongs to.",
    "This is a segmentation task derived from the photo.",
)
SEMANTIC_LIST = (
    "Segment the image with",
    "Show a class map with",
    "Paint the input image with",
    "A semantic segmentation with",
)
SEMANTIC_PAIRS = (
    "Semantic segmentation.",
    "Segment by class.",
    "Class colors of the segmentation map:",
    "Segmentation legend:",
)
IS = ("is", "is represented by", "is painted", "is drawn in", "is shown in",
       "is colored")
BACKGROUND = (
    "Background is {color}.",
    "The background is {color}.",
    "The background is set to {color}.",
    "Everything else is {color}.",
    "The rest is {color}.",
    "Use {color} for the background.",
)

INSTANCE = (
    "Generate an instance segmentation visualization of this image. "
    "Each {name} is colored differently.{background}",
    "This image shows segmentation masks for every {name} of the input."
    "{background} Each {name} is represented by a different color.",
    "Find all instances of {name}. Each one has a unique, solid color.{background}",
    "Paint every single {name} in a color of its own.{background}",
    "Separate the {name} instances by color.{background}",
    "An instance map of the given image.{background} No two {name} instances share "
    "a color.",
    "Instance segmentation: {name}.{background}",
    "Mark each {name} in the photo with its own solid color.{background}",
    "Where is each {name}? Give every one a different color.{background}",
    "Draw one mask for each {name}, all in different colors.{background}",
    "Count by color: one color per {name}.{background}",
)

REFERRING_OPEN = (
    "A segmentation map image.",
    "This image shows segmentation masks from the given image.",
    "Generate a referring segmentation of the input.",
    "Segment what is described.",
    "Show a mask.",
    "This is a mask of the photo.",
)
# None of these depends on whether the phrase is singular or plural.
REFERRING_PART = (
    "The area that corresponds to {phrase} is rendered solid {color}.",
    "The region of {phrase} is {color}.",
    "Paint {phrase} in {color}.",
    "Mark {phrase} with {color}.",
    "Render {phrase} in {color}.",
    "Use {color} for {phrase}.",
    "Show {phrase} as {color}.",
)
# One sentence that says it all, for a single phrase.
REFERRING_SHORT = (
    "Segment {phrase} in {color}.",
    "Highlight {phrase} in {color}.",
    "Locate {phrase}: paint the area {color}.",
    "Mask of {phrase} in {color}.",
)
# Without a colour: white.
REFERRING_PLAIN = (
    "Segment {phrase}.",
    "Show a mask of {phrase}.",
    "Find {phrase} and answer with a mask.",
    "A mask image of {phrase}.",
)

EDGES = (
    "Draw the edges of the input image.",
    "Generate an edge map of this photo.",
    "Detect the outlines of all objects and surfaces.",
    "Turn the picture into a line drawing of its edges.",
    "Show the boundaries in the scene as thin lines.",
    "Edge detection on the given image.",
    "This is the edge map of the input.",
    "Trace every contour of the scene.",
    "An outline image of the photo.",
    "Mark where one surface ends and the next begins.",
    "Paint only the borders of the objects.",
)
EDGE_COLORS = (
    " The lines are {color} on a {background} background.",
    " Lines in {color}, background {background}.",
    " Edges: {color}; background: {background}.",
    " Draw in {color} on {background}.",
)

MODALITY_NAMES = {
    "photo": ("photo", "picture", "color image"),
    "depth": ("depth map", "metric depth map", "depth image"),
    "normals": ("normal map", "surface normal map", "normal image"),
    "segmentation": ("segmentation map", "class map", "segmentation image"),
    "edges": ("edge map", "line drawing", "contour image"),
}
MODALITY = (
    "Convert this {source} to a {target}.",
    "Turn the {source} into a {target}.",
    "Translate from {source} to {target}.",
    "The input is a {source}. Generate the {target}.",
    "Given the {source}, predict the {target}.",
    "From this {source}, make the matching {target}.",
    "Input: {source}. Output: {target}.",
    "What {target} belongs to this {source}?",
    "Generate the {target} of the scene in this {source}.",
    "Change the {source} to the {target} of the same view.",
    "Render the scene of this {source} as a {target}.",
)

TEXT_TO_IMAGE = (
    "{text}",
    "Generate an image: {text}",
    "A photo. {text}",
    "Create this picture: {text}",
    "Draw the following scene. {text}",
    "Make an image. {text}",
    "Picture: {text}",
    "Paint this: {text}",
    "An image of this: {text}",
    "Imagine: {text}",
)
EDITING = (
    "{text}",
    "Edit the image: {text}",
    "Change the photo as follows. {text}",
    "Do this to the picture: {text}",
    "Make this edit: {text}",
    "Apply to the input: {text}",
    "{sentence} Keep the rest.",
    "{sentence} Leave everything else as it is.",
    "Edit: {text}",
    "In this photo: {text}",
)
