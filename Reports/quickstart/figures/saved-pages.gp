# Pages saved by sharing
# Draws saved-pages.csv into saved-pages.svg: run "gnuplot saved-pages.gp" in this folder.
set encoding utf8
set terminal svg size 960,400 fixed noenhanced background '#FFFFFF' font 'sans-serif,14'
set output 'saved-pages.svg'
set datafile separator comma
set decimalsign '.'
set border 3 linecolor rgb '#333C46' linewidth 1
set tics out nomirror scale 0.6 textcolor rgb '#333C46'
set grid ytics back linetype 1 linecolor rgb '#DDE2E8' linewidth 1 dashtype solid
set xtics offset 0,0.35
set ytics offset 0.5,0
unset key
set xrange [0:90000000000/1000000000.0]
set object rectangle from screen 0.08750, 0.93250 to screen 0.10833, 0.96750 front fillstyle solid noborder fillcolor rgb '#009E73'
set label 'Between guests' at screen 0.11563, 0.95000 left front textcolor rgb '#333C46'
set object rectangle from screen 0.26229, 0.93250 to screen 0.28312, 0.96750 front fillstyle solid noborder fillcolor rgb '#E69F00'
set label 'Within a guest' at screen 0.29042, 0.95000 left front textcolor rgb '#333C46'
set object rectangle from screen 0.43708, 0.93250 to screen 0.45792, 0.96750 front fillstyle solid noborder fillcolor rgb '#56B4E9'
set label 'Zero pages' at screen 0.46521, 0.95000 left front textcolor rgb '#333C46'
set lmargin at screen 0.08125; set rmargin at screen 0.97500
set tmargin at screen 0.88000; set bmargin at screen 0.14000
set xlabel 'Virtual time (s)' offset 0,0.8 textcolor rgb '#333C46'
set ylabel 'Saved (MiB)' textcolor rgb '#333C46'
set yrange [0:208.56875]; set ytics 0, 50.0
plot 'saved-pages.csv' every 1 skip 1 using ($1/1000000000.0):((0)/256.0):((0+$2)/256.0) with filledcurves fillstyle solid noborder fillcolor rgb '#009E73', \
  'saved-pages.csv' every 1 skip 1 using ($1/1000000000.0):(($2)/256.0):(($2+$3)/256.0) with filledcurves fillstyle solid noborder fillcolor rgb '#E69F00', \
  'saved-pages.csv' every 1 skip 1 using ($1/1000000000.0):(($2+$3)/256.0):(($2+$3+$4)/256.0) with filledcurves fillstyle solid noborder fillcolor rgb '#56B4E9'
