"""Images with optional labels, embedded or from disk, in one form."""

from keras_vipa.datasets.clip_set import ClipSet
from keras_vipa.datasets.cmlr import cmlr
from keras_vipa.datasets.critters import critter_signatures
from keras_vipa.datasets.critters import critters
from keras_vipa.datasets.digits import digits
from keras_vipa.datasets.emoji import emoji
from keras_vipa.datasets.folder import folder
from keras_vipa.datasets.garments import garments
from keras_vipa.datasets.gbu import gbu
from keras_vipa.datasets.image_set import ImageSet
from keras_vipa.datasets.image_set import class_groups
from keras_vipa.datasets.lips import lips
from keras_vipa.datasets.named import named
from keras_vipa.datasets.people import people
from keras_vipa.datasets.pink_noise import pink_noise
from keras_vipa.datasets.polyvore import polyvore
from keras_vipa.datasets.random_crops import random_crops
from keras_vipa.datasets.read_clip import read_clip
from keras_vipa.datasets.room_folder import room_folder
from keras_vipa.datasets.room_set import RoomSet
from keras_vipa.datasets.rooms import rooms
from keras_vipa.datasets.scene_tasks import scene_task
from keras_vipa.datasets.scenes import scenes
from keras_vipa.datasets.smooth_pictures import smooth_pictures
from keras_vipa.datasets.style_samples import read_pictures
from keras_vipa.datasets.style_samples import style_samples
from keras_vipa.datasets.tfds import tfds
from keras_vipa.datasets.wardrobe import wardrobe
from keras_vipa.datasets.wardrobe_outfits import broken_rules
from keras_vipa.datasets.wardrobe_outfits import wardrobe_outfits
from keras_vipa.datasets.zero_shot_set import ZeroShotSet
from keras_vipa.datasets.zero_shot_set import read_signatures

__all__ = [
    "ClipSet",
    "ImageSet",
    "RoomSet",
    "ZeroShotSet",
    "broken_rules",
    "class_groups",
    "cmlr",
    "critter_signatures",
    "critters",
    "digits",
    "emoji",
    "folder",
    "garments",
    "gbu",
    "lips",
    "named",
    "people",
    "pink_noise",
    "polyvore",
    "random_crops",
    "read_clip",
    "read_pictures",
    "read_signatures",
    "room_folder",
    "rooms",
    "scene_task",
    "scenes",
    "smooth_pictures",
    "style_samples",
    "tfds",
    "wardrobe",
    "wardrobe_outfits",
]
