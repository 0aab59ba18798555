// This file was written by `desk calls --typescript`. Do not edit it by hand.
import type { PlaceRow } from "./PlaceRow";

export type PlacesView = { places: Array<PlaceRow>, };
